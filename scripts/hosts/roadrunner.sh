#!/usr/bin/env bash
# Builds a RoadRunner for tests with Pillion's build server `pillion velox`, with the plugins that serving PHP needs.
# Prints the path of the binary. Cached by version and by the inputs that decide its content: the request, and the
# source of the build server, so that a changed build server builds it again. PILLION_BIN names the program; else it is
# built.
#
# If a plugin of the wanted release can't be downloaded, an older release is built. PILLION_RR_RELEASES names other
# releases to try, in their order.

. "$(dirname "$0")/../lib.sh"

readonly wanted=v2025.1.9
readonly releases=${PILLION_RR_RELEASES:-$wanted v2025.1.2}

# The versions of the plugins in a release of RoadRunner.
plugins_of() {
    case $1 in
        v2025.1.9) echo headers/v5 v5.2.0 http/v5 v5.3.0 logger/v5 v5.1.9 metrics/v5 v5.2.0 rpc/v5 v5.1.9 send/v5 v5.2.0 server/v5 v5.2.10 ;;
        v2025.1.2) echo headers/v5 v5.1.8 http/v5 v5.2.7 logger/v5 v5.1.8 metrics/v5 v5.1.8 rpc/v5 v5.1.8 send/v5 v5.1.5 server/v5 v5.2.9 ;;
        *) echo unknown/v5 v5.0.0 ;;
    esac
}

request() { # ID RELEASE
    local separator= plugins
    read -ra plugins < <(plugins_of "$2")
    printf '{"request_id":"%s","rr_version":"%s","plugins":[' "$1" "$2"
    set -- "${plugins[@]}"
    while [ $# -gt 0 ]; do
        printf '%s{"module_name":"github.com/roadrunner-server/%s","tag":"%s"}' "$separator" "$1" "$2"
        separator=,
        shift 2
    done
    printf ']}'
}

content() { # RELEASE
    cd "$PILLION_ROOT"
    request 00000000-0000-4000-8000-000000000000 "$1"
    find server/src/build -type f | LC_ALL=C sort | xargs cat
}

binary_of() { # RELEASE -> where its binary is kept
    printf '%s/roadrunner-%s-%s/rr\n' "$PILLION_CACHE" "${1#v}" "$(content "$1" | sha256sum | cut -c 1-8)"
}

built() {
    local release
    for release in $releases; do
        [ -x "$(binary_of "$release")" ] || continue
        binary_of "$release"
        return
    done
    return 1
}

# Starts the server on a free port; it prints the port when it is ready.
start_server() {
    # The program's shell creates the file too, but possibly after the first read.
    : >"$scratch/ready"
    "$program" velox --listen 127.0.0.1:0 --dir "$scratch/velox" >"$scratch/ready" 2>"$scratch/server.log" &
    server=$!
    for _ in {1..100}; do
        address=$(sed -n 's/^listening on //p' "$scratch/ready")
        [ -z "$address" ] || return 0
        kill -0 "$server" 2>/dev/null || break
        sleep 0.1
    done
    cat "$scratch/server.log" >&2
    return 1
}

# build_release RELEASE: requests a build; sets $path to the binary, or $answer to the error.
build_release() {
    local status
    say "RoadRunner $1: building it (about a minute)"
    status=$(request "$(cat /proc/sys/kernel/random/uuid)" "$1" |
        curl --silent --show-error --max-time 900 --header 'Content-Type: application/json' --data-binary @- \
            --output "$scratch/answer" --write-out '%{http_code}' "$address/api.service.v1.BuildService/Build") || true
    path=$(php8.2 -n -r 'echo json_decode(file_get_contents($argv[1]), true)["path"] ?? "";' "$scratch/answer")
    answer="$program velox answered $status: $(head -c 400 "$scratch/answer")"
    [ "$status" = 200 ] && [ -f "$path" ]
}

build() {
    built && return
    local path answer release binary
    # Not local: the trap and start_server use them.
    server='' address=''
    program=${PILLION_BIN:-$("$PILLION_ROOT/scripts/build.sh" pillion)}
    scratch=$(scratch_for "$PILLION_CACHE/roadrunner-build")
    trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT
    for release in $releases; do
        # The checksum database lacks the plugins of older releases.
        [ "$release" = "$wanted" ] || export GONOSUMDB='github.com/roadrunner-server/*'
        start_server || die "$program velox does not answer"
        if build_release "$release"; then
            binary=$(binary_of "$release")
            mkdir -p "$(dirname "$binary")"
            cp "$path" "$scratch/rr"
            chmod 755 "$scratch/rr"
            "$scratch/rr" --version >&2
            mv "$scratch/rr" "$binary"
            printf '%s\n' "$binary"
            return
        fi
        say "RoadRunner $release: $answer"
        kill "$server" && wait "$server" 2>/dev/null || true
    done
    cat "$scratch/server.log" >&2
    die "RoadRunner cannot be built; the last release, ${releases##* }: $answer"
}

built || with_lock roadrunner build
