#!/usr/bin/env bash
# Each download of the scripts has a second source: the first one is made to fail, and the script continues.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
readonly scripts=$PILLION_ROOT/scripts

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The newest versions of packages are absent from the mirror. The installation is only simulated.
packages() {
    mkdir -p "$scratch/bin"
    cat >"$scratch/bin/apt-get" <<'SHELL'
#!/usr/bin/env bash
case " $* " in
    *' update '*) exit 0 ;;
    *' --target-release '*) exec /usr/bin/apt-get --simulate "$@" ;;
    *) echo 'E: Failed to fetch an archive: 404  Not Found' >&2 && exit 100 ;;
esac
SHELL
    printf '#!/bin/sh\n' >"$scratch/bin/dpkg-query"
    chmod +x "$scratch"/bin/*
    PILLION_CACHE=$scratch/cache PATH=$scratch/bin:$PATH "$scripts/setup.sh" test
    grep -E '^(Inst|Conf|[0-9]+ upgraded)' "$scratch/cache/logs/apt.log"
}

php_source() {
    local got
    got=$(PILLION_PHP_SOURCES=$'trixie php8.4 8.4.0-0gone\nbookworm php8.2' "$scripts/hosts/php-zts.sh" --download "$scratch/php")
    [[ $got == 'php8.2 8.2.'* ]]
    tar -tf "$scratch"/php/php8.2_*.orig.tar.?z >"$scratch/files"
    grep '/main/php_version.h$' "$scratch/files"
}

go_toolchain() {
    PILLION_CACHE=$scratch/cache PILLION_GO_SUITES=suite-that-is-gone "$scripts/setup.sh" --unpack-go
    GOTOOLCHAIN=local "$scratch/cache/go/bin/go" version
}

frankenphp() {
    printf 'module gone\ngo 1.26\nrequire github.com/dunglas/frankenphp/caddy v1.12.999\n' >"$scratch/gone.mod"
    [ "$("$scripts/hosts/frankenphp.sh" --download "$scratch/gone.mod" fallback.mod)" = fallback.mod ]
}

roadrunner() {
    local binary
    PILLION_BIN=$("$scripts/build.sh" pillion)
    export PILLION_BIN
    binary=$(PILLION_CACHE=$scratch/cache PILLION_RR_RELEASES='v2025.1.999 v2025.1.2' "$scripts/hosts/roadrunner.sh")
    "$binary" --version | grep 2025.1.2
}

bugsink() {
    { echo 'asgiref==0.0.999' && cat "$scripts/hosts/bugsink/requirements.txt"; } >"$scratch/requirements.txt"
    [[ $("$scripts/hosts/bugsink.sh" --check "$scratch/requirements.txt") == bugsink-2.* ]]
}

# Cargo.lock names a version that the registry does not have.
crates() {
    mkdir -p "$scratch/crate/src"
    cd "$scratch/crate"
    touch src/lib.rs
    printf '[package]\nname = "probe"\nversion = "0.1.0"\nedition = "2024"\n[dependencies]\nitoa = "1"\n' >Cargo.toml
    cargo generate-lockfile --quiet
    sed -i -E '/^name = "itoa"/{n;s/"[^"]*"/"1.0.999"/}; /^checksum/d' Cargo.lock
    grep '1.0.999' Cargo.lock
    fetch_crates .
    ! grep '1.0.999' Cargo.lock
}

check 'packages of Debian: those of the release stand in' packages
check 'the source of PHP: another suite and branch stand in' php_source
check 'Go: the Python package stands in' go_toolchain
check 'FrankenPHP: an older release stands in' frankenphp
check 'RoadRunner: an older release stands in' roadrunner
check 'Bugsink: the ranges of its own packages stand in' bugsink
check 'crates: other versions stand in' crates
verdict
