#!/usr/bin/env bash
# A RoadRunner to test on, built by our own build server `pillion velox` with the plugins that serving PHP needs.
# Prints the path of the binary. Kept by version and by what decides its content: the request, and the source of the
# build server, so that a changed build server builds it anew. PILLION_BIN names the program; else it is built.

. "$(dirname "$0")/../lib.sh"

readonly version=v2025.1.9
# The versions that this release of RoadRunner itself is made of.
readonly plugins='
    headers/v5 v5.2.0
    http/v5 v5.3.0
    logger/v5 v5.1.9
    metrics/v5 v5.2.0
    rpc/v5 v5.1.9
    send/v5 v5.2.0
    server/v5 v5.2.10'

request() {
    local module tag separator=
    printf '{"request_id":"%s","rr_version":"%s","plugins":[' "$1" "$version"
    while read -r module tag; do
        [ -n "$module" ] || continue
        printf '%s{"module_name":"github.com/roadrunner-server/%s","tag":"%s"}' "$separator" "$module" "$tag"
        separator=,
    done <<<"$plugins"
    printf ']}'
}

content() {
    cd "$PILLION_ROOT"
    request 00000000-0000-4000-8000-000000000000
    find engine/src/builder -type f | LC_ALL=C sort | xargs cat
}

digest=$(content | sha256sum | cut -c 1-8)
readonly digest key=roadrunner-${version#v}-$digest
readonly binary=$PILLION_CACHE/$key/rr

# Starts the server on a port that the system chooses; it says which one when it is ready.
start_server() {
    # The program's shell makes the file too, but perhaps only after we first look.
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

build() {
    [ ! -x "$binary" ] || return 0
    local status path
    # Not local: the trap and start_server use them.
    server='' address=''
    program=${PILLION_BIN:-$("$PILLION_ROOT/scripts/build.sh" pillion)}
    scratch=$(scratch_for "$(dirname "$binary")")
    trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$scratch"' EXIT
    start_server || die "$program velox does not answer"
    say "RoadRunner $version: building it (about a minute)"
    status=$(request "$(cat /proc/sys/kernel/random/uuid)" |
        curl --silent --show-error --max-time 900 --header 'Content-Type: application/json' --data-binary @- \
            --output "$scratch/answer" --write-out '%{http_code}' "$address/api.service.v1.BuildService/Build") || true
    path=$(php8.2 -n -r 'echo json_decode(file_get_contents($argv[1]), true)["path"] ?? "";' "$scratch/answer")
    if [ "$status" != 200 ] || [ ! -f "$path" ]; then
        cat "$scratch/answer" "$scratch/server.log" >&2
        die "RoadRunner $version cannot be built: $program velox answered $status"
    fi
    mkdir -p "$(dirname "$binary")"
    cp "$path" "$scratch/rr"
    chmod 755 "$scratch/rr"
    "$scratch/rr" --version >&2
    mv "$scratch/rr" "$binary"
}

[ -x "$binary" ] || with_lock "$key" build
printf '%s\n' "$binary"
