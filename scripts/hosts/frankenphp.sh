#!/usr/bin/env bash
# Builds FrankenPHP (in Caddy) on the PHP with threads of php-zts.sh, from the Go module beside this file. Prints the
# path of the binary. Once per version of both; takes a minute to download and a minute to build. `--debug` builds on
# the PHP with debug checks.
#
# If a module of go.mod can't be downloaded, fallback.mod names an older FrankenPHP with its own modules.
# `--download FILE...` only downloads the modules of the first file with all modules available, and prints its name.

. "$(dirname "$0")/../lib.sh"

readonly module=$PILLION_ROOT/scripts/hosts/frankenphp

version_in() { # go.mod -> 1.12.6
    awk '$1 == "github.com/dunglas/frankenphp/caddy" { print substr($2, 2) }' "$module/$1"
}

# download LOG FILE...: downloads the modules of the first file with all modules available, and prints its name.
download() {
    local log=$1 file
    shift
    cd "$module"
    for file; do
        say "FrankenPHP $(version_in "$file"): fetching its modules"
        if go mod download -modfile="$file" >"$log" 2>&1; then
            printf '%s\n' "$file"
            return
        fi
        say "FrankenPHP $(version_in "$file"): $(tail -n 1 "$log" | cut -c 1-200)"
    done
    say "FrankenPHP cannot be built: its modules cannot be downloaded"
    return 1
}

if [ "${1:-}" = --download ]; then
    shift
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    download "$log" "$@"
    exit
fi

php=$("$PILLION_ROOT/scripts/hosts/php-zts.sh" "$@")
readonly php

binary_of() { # go.mod -> where the FrankenPHP of its version is kept
    printf '%s/frankenphp-%s-%s/frankenphp\n' "$PILLION_CACHE" "$(version_in "$1")" "${php##*/}"
}

# The wanted version, else the fallback.
built() {
    local file
    for file in go.mod fallback.mod; do
        [ -x "$(binary_of "$file")" ] || continue
        binary_of "$file"
        return
    done
    return 1
}

build() {
    built && return
    local scratch file binary version
    scratch=$(scratch_for "$PILLION_CACHE/frankenphp-build")
    # shellcheck disable=SC2064
    trap "rm -rf '$scratch'" EXIT
    file=$(download "$scratch/fetch.log" go.mod fallback.mod) || exit 1
    binary=$(binary_of "$file") version=$(version_in "$file")
    cd "$module"
    say "FrankenPHP $version: building it on ${php##*/} (about a minute)"
    # The -L must come first: php-config's flags lack that folder, and the linker would take a libphp of the system
    # without threads. The tags exclude features that need further libraries.
    quietly "$scratch/build.log" env CGO_ENABLED=1 \
        CGO_CFLAGS="$("$php/bin/php-config" --includes)" \
        CGO_LDFLAGS="-L$php/lib $("$php/bin/php-config" --ldflags) $("$php/bin/php-config" --libs) -Wl,-rpath,$php/lib" \
        nice go build -mod=readonly -modfile="$file" -trimpath -tags nowatcher,nobrotli,nomercure,nobadger,nomysql,nopgx \
        -ldflags "-X 'github.com/caddyserver/caddy/v2.CustomVersion=FrankenPHP $version'" \
        -o "$scratch/frankenphp" .
    "$scratch/frankenphp" version >&2
    mkdir -p "$(dirname "$binary")"
    mv "$scratch/frankenphp" "$binary"
    printf '%s\n' "$binary"
}

built || with_lock "frankenphp-${php##*/}" build
