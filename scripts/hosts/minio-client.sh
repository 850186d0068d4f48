#!/usr/bin/env bash
# Builds the client of the gateway's tests over minio-go, and prints its path. Cached by its source.

. "$(dirname "$0")/../lib.sh"

readonly source=$PILLION_ROOT/tests-php/hosts/gateway/minio_client
home=$PILLION_CACHE/minio-client-$(cat "$source"/* | sha256sum | cut -c 1-8)
readonly home

# The pinned modules, or a later minio-go if they are gone.
build() {
    cp -r "$source" "$1/source"
    cd "$1/source"
    CGO_ENABLED=0 go build -o "$1/root/minio_client" . && return 0
    go get github.com/minio/minio-go/v7@latest && CGO_ENABLED=0 go build -o "$1/root/minio_client" .
}

install_client() {
    local scratch
    [ ! -x "$1/minio_client" ] || return 0
    "$PILLION_ROOT/scripts/setup.sh" base
    say 'minio-go: building its client'
    scratch=$(scratch_for "$1")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    mkdir "$scratch/root"
    quietly "$scratch/build.log" build "$scratch"
    install_at "$scratch/root" "$1"
}

[ -x "$home/minio_client" ] || with_lock minio-client install_client "$home"
printf '%s\n' "$home/minio_client"
