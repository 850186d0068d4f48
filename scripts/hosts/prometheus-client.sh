#!/usr/bin/env bash
# Installs prometheus-client, Prometheus's library for Python, for tests that read the page with its parsers. Prints the
# path of a Python that has it. Cached by version.

. "$(dirname "$0")/../lib.sh"

readonly version=0.26.0
readonly key=prometheus-client-$version
readonly home=$PILLION_CACHE/$key

# The pinned version, or a later one if it is gone.
pip_install() {
    "$home/venv/bin/pip" install "prometheus-client==$version" || "$home/venv/bin/pip" install 'prometheus-client<1'
}

install() {
    [ ! -e "$home/ready" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" test
    say "prometheus-client $version: installing it"
    # A venv contains its own path, so it is created in its final place; `ready` is created last.
    rm -rf "$home"
    mkdir -p "$home"
    export PIP_DISABLE_PIP_VERSION_CHECK=1
    quietly "$home/venv.log" /usr/bin/python3 -m venv "$home/venv"
    quietly "$home/packages.log" pip_install
    touch "$home/ready"
}

[ -e "$home/ready" ] || with_lock "$key" install
printf '%s\n' "$home/venv/bin/python"
