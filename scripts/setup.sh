#!/usr/bin/env bash
# Installs what is missing on a Debian 12 machine, and nothing else. `setup.sh [base] [test] [bench] [sanitizers]
# [php-source]`: base builds the extension and runs the demo, test, bench and sanitizers add what those need,
# php-source what building PHP from source needs (asked for by php-zts.sh only when it has to build). Where nothing is
# missing it needs neither root nor the network, and takes no time.
#
# Rust and Go are taken as they are when new enough. Else Rust comes from the machine's own Debian archive
# (security updates keep a recent one for browsers), and Go from a newer Debian suite, unpacked into our cache
# (it needs no library), so that nothing of that suite is installed on the machine.

. "$(dirname "$0")/lib.sh"

readonly rust_needed=1.89 go_needed=1.26 go_suite=trixie-backports

packages_of() {
    case $1 in
        base)
            # curl and ca-certificates also for a machine without them in its base image.
            echo build-essential pkg-config ca-certificates curl make git procps binutils \
                php8.2-cli php8.2-dev php8.2-curl php8.2-mbstring php8.2-xml php8.2-opcache libclang-14-dev
            ;;
        test) echo php8.2-fpm libfcgi-bin nginx-light xz-utils wrk python3-venv ;;
        sanitizers) echo valgrind ;;
        bench) echo php8.2-apcu php8.2-cgi ;;
        php-source)
            echo re2c bison autoconf dpkg-dev xz-utils libxml2-dev libsqlite3-dev libonig-dev libssl-dev \
                libcurl4-openssl-dev zlib1g-dev
            ;;
        *) die "usage: setup.sh [base] [test] [bench] [sanitizers] [php-source]" ;;
    esac
}

missing() {
    local package
    for package; do
        case $(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null || true) in
            installed) ;;
            *) echo "$package" ;;
        esac
    done
}

# As root; where that can't be, one line says what to run (for the sake of $packages).
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif sudo -n true 2>/dev/null || { command -v sudo >/dev/null && [ -t 0 ]; }; then
        sudo "$@"
    else
        die "packages are missing; run as root: apt-get update && apt-get install -y --no-install-recommends $packages"
    fi
}

apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 -qq "$@" >&2
}

# The index is read once a run at most.
packages='' updated=''
update() {
    [ -z "$updated" ] || return 0
    say "reading the package index"
    apt_get update
    updated=1
}

# --no-remove: a machine's other software is never taken away for ours.
apt_install() {
    packages=$*
    update
    say "installing $packages"
    apt_get install -y --no-remove --no-install-recommends "$@"
}

version_of() { # rustc 1.95.0 (…), go version go1.26.8 linux/amd64 -> the number; empty where it can't be run
    { "$@" 2>/dev/null || true; } | grep -oE '[0-9]+\.[0-9]+(\.[0-9]+)?' | head -n 1 || true
}

rust_is_new_enough() {
    local found
    found=$(version_of rustc --version)
    [ -n "$found" ] && at_least "$found" "$rust_needed" && command -v cargo >/dev/null
}

rust_toolchain() {
    ! rust_is_new_enough || return 0
    local lacking
    packages='rustc-web cargo-web rust-web-clippy rustfmt-web'
    lacking="Rust $rust_needed or newer is needed, found $(version_of rustc --version | grep . || echo none)"
    if command -v rustup >/dev/null; then
        die "$lacking; run: rustup toolchain install stable && rustup default stable"
    fi
    update
    if ! at_least "$(LC_ALL=C apt-cache policy rustc-web | awk '$1 == "Candidate:" { print $2 }')" "$rust_needed"; then
        die "$lacking; install rustup, then run: rustup default stable"
    fi
    # shellcheck disable=SC2086
    apt_install $packages || die "$lacking; run as root (it replaces Debian's older ones): apt-get install $packages"
    hash -r
    rust_is_new_enough || die "$lacking, which stands in PATH before the one just installed; run: PATH=/usr/bin:\$PATH"
}

unpack_go() {
    local scratch package=
    scratch=$(scratch_for "$PILLION_CACHE/golang")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    say "Go $go_needed or newer is missing: fetching one from Debian's $go_suite"
    other_suite "$scratch/apt" deb "$go_suite" || return 1
    package=$(apt-cache "${OTHER_SUITE[@]}" search --names-only '^golang-1\.[0-9]+-go$' | awk '{ print $1 }' | sort -V |
        while read -r package; do
            ! at_least "$(version_of echo "$package")" "$go_needed" || { echo "$package" && break; }
        done)
    [ -n "$package" ] || return 1
    mkdir "$scratch/debs" "$scratch/root"
    (cd "$scratch/debs" && quietly "$scratch/download.log" apt-get "${OTHER_SUITE[@]}" download "$package" "${package%-go}-src") || return 1
    local deb
    for deb in "$scratch"/debs/*.deb; do
        dpkg-deb --extract "$deb" "$scratch/root"
    done
    local home=$PILLION_CACHE/$package lib
    lib=usr/lib/go-$(version_of echo "$package")
    "$scratch/root/$lib/bin/go" version >&2 || return 1
    install_at "$scratch/root" "$home" &&
        ln -sfn "$home/$lib" "$PILLION_CACHE/go"
}

go_is_new_enough() {
    local found
    found=$(version_of go version)
    [ -n "$found" ] && at_least "$found" "$go_needed"
}

go_toolchain() {
    go_is_new_enough || unpack_go ||
        die "Go $go_needed or newer is needed, found $(version_of go version || true); unpack one into /usr/local/go, or put it into PATH"
}

setup() {
    local scope wanted='' absent
    for scope; do
        wanted="$wanted $(packages_of "$scope")"
    done
    # shellcheck disable=SC2086
    absent=$(missing $wanted)
    # shellcheck disable=SC2086
    [ -z "$absent" ] || apt_install $absent
    case " $* " in
        *' base '*) rust_toolchain && go_toolchain ;;
    esac
}

[ $# -gt 0 ] || set -- base
with_lock setup setup "$@"
