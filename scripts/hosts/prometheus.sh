#!/usr/bin/env bash
# Provides Prometheus and promtool for tests, out of Debian's package: unpacked into the cache, not installed, so no
# service starts. Prints the path of prometheus; promtool is beside it. Where this machine's suite does not have the
# package, another suite's is taken: the programs need the C library only.

. "$(dirname "$0")/../lib.sh"

readonly suites='bookworm trixie sid'

fetch_package() {
    local suite
    apt-get download prometheus && return 0
    for suite in $suites; do
        other_suite "$PWD/apt-$suite" deb "$suite" || continue
        apt-get "${OTHER_SUITE[@]}" download prometheus && return 0
    done
    return 1
}

install_prometheus() {
    local scratch
    [ ! -x "$1/prometheus" ] || return 0
    say "Prometheus: fetching it"
    scratch=$(scratch_for "$1")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    mkdir "$scratch/root"
    (cd "$scratch" && quietly "$scratch/download.log" fetch_package)
    dpkg-deb --extract "$scratch"/prometheus_*.deb "$scratch/package"
    install -m 755 "$scratch"/package/usr/bin/{prometheus,promtool} "$scratch/root"
    "$scratch/root/promtool" --version >&2
    install_at "$scratch/root" "$1"
}

home=$PILLION_CACHE/prometheus
[ -x "$home/prometheus" ] || with_lock prometheus install_prometheus "$home"
printf '%s\n' "$home/prometheus"
