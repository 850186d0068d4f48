#!/usr/bin/env bash
# Builds FrankenPHP (in Caddy) on the PHP with threads that php-zts.sh makes, from the Go module beside this file.
# Prints the path of the binary. Once per version of both; takes a minute to fetch and a minute to build.
# `--debug` builds on the PHP with debug checks.

. "$(dirname "$0")/../lib.sh"

readonly module=$PILLION_ROOT/scripts/hosts/frankenphp
version=$(awk '$1 == "github.com/dunglas/frankenphp/caddy" { print substr($2, 2) }' "$module/go.mod")
[ -n "$version" ] || die "$module/go.mod does not name the version of github.com/dunglas/frankenphp/caddy"
php=$("$PILLION_ROOT/scripts/hosts/php-zts.sh" "$@")
readonly version php
readonly key=frankenphp-$version-${php##*/}
readonly binary=$PILLION_CACHE/$key/frankenphp

build() {
    [ ! -x "$binary" ] || return 0
    local scratch
    scratch=$(scratch_for "$(dirname "$binary")")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    cd "$module"
    say "FrankenPHP $version: fetching its modules"
    quietly "$scratch/fetch.log" go mod download
    say "FrankenPHP $version: building it on ${php##*/} (about a minute)"
    # The -L comes first and is ours: php-config's own flags leave the folder out, and the linker would then take
    # a libphp without threads where the system has one. The tags leave out what needs further libraries.
    quietly "$scratch/build.log" env CGO_ENABLED=1 \
        CGO_CFLAGS="$("$php/bin/php-config" --includes)" \
        CGO_LDFLAGS="-L$php/lib $("$php/bin/php-config" --ldflags) $("$php/bin/php-config" --libs) -Wl,-rpath,$php/lib" \
        nice go build -mod=readonly -trimpath -tags nowatcher,nobrotli,nomercure,nobadger,nomysql,nopgx \
        -ldflags "-X 'github.com/caddyserver/caddy/v2.CustomVersion=FrankenPHP $version'" \
        -o "$scratch/frankenphp" .
    "$scratch/frankenphp" version >&2
    mkdir -p "$(dirname "$binary")"
    mv "$scratch/frankenphp" "$binary"
}

[ -x "$binary" ] || with_lock "$key" build
printf '%s\n' "$binary"
