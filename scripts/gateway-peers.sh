#!/usr/bin/env bash
# Provides the peers of the gateway's bench: a server of the same protocol over Go's net/http (benches/gateway_peer),
# and turborepo-remote-cache of npm. Prints a folder: `gateway_peer` is the one, `turborepo-remote-cache` the command of
# the other. Cached by version; a peer that can't be had is named, and its row is left out.

. "$(dirname "$0")/lib.sh"

readonly turborepo=2.12.0 source=$PILLION_ROOT/benches/gateway_peer
home=$PILLION_CACHE/gateway-peers-$turborepo-$(cat "$source"/* | sha256sum | cut -c 1-8)
readonly home

# fetch_turborepo NODE: the pinned version, else a later one of its branch. No script of a package runs.
fetch_turborepo() {
    local npm=(npm install --prefix "$home" --no-audit --no-fund --ignore-scripts)
    PATH=$1:$PATH "${npm[@]}" "turborepo-remote-cache@$turborepo" ||
        PATH=$1:$PATH "${npm[@]}" "turborepo-remote-cache@${turborepo%%.*}" || return 1
    printf '#!/bin/sh\nexec "%s/node" "%s/node_modules/turborepo-remote-cache/dist/cli.js" "$@"\n' "$1" "$home" >"$home/turborepo-remote-cache"
    chmod +x "$home/turborepo-remote-cache"
}

build_go() {
    cd "$source" && go build -o "$home/gateway_peer" .
}

provide() {
    local node
    [ ! -e "$home/complete" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" base test
    rm -rf "$home"
    mkdir -p "$home"
    touch "$home/complete"
    if ! quietly "$home/go.log" build_go; then
        say 'the Go server cannot be built; the bench leaves its row out'
        rm "$home/complete"
    fi
    node=$("$PILLION_ROOT/scripts/hosts/node-clients.sh") || node=''
    if [ -z "$node" ] || ! quietly "$home/npm.log" fetch_turborepo "$node/bin"; then
        say 'turborepo-remote-cache cannot be fetched; the bench leaves its rows out'
        rm -f "$home/complete"
    fi
}

[ -e "$home/complete" ] || with_lock gateway-peers provide
printf '%s\n' "$home"
