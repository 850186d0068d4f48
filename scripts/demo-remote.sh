#!/usr/bin/env bash
# Shows remote artifacts, from scratch: SeaweedFS as object storage, `pillion gateway` before it, two checkouts of a
# workspace of which the second one restores the builds of the first, and two PHP hosts (directories of their own) of
# which one builds a RoadRunner and the other one gets it.
#
# Products are stored in the user's cache, so the next run is fast. All processes end with the script. PILLION_SO and
# PILLION_BIN, if set, are used instead of new builds.

. "$(dirname "$0")/lib.sh"

readonly demo=$PILLION_CACHE/demo-remote examples=$PILLION_ROOT/examples
readonly logs=$demo/logs

. "$PILLION_ROOT/scripts/demo-lib.sh"

set_up() {
    step 'The tools: missing packages are installed, the extension and the program are compiled, SeaweedFS is fetched.'
    if [ ! -d "$PILLION_TARGET_CACHE" ]; then
        printf '   The first time takes about fifteen minutes on two cores.\n'
    fi
    patiently 'Installing missing packages' "$PILLION_ROOT/scripts/setup.sh" base test
    patiently 'Fetching SeaweedFS and its client' "$PILLION_ROOT/scripts/hosts/s3.sh"
    s3=$answer
    use_php nts
    if [ -z "${PILLION_SO:-}" ]; then
        compile pillion 'Compiling the extension and the program' nts
        PILLION_SO=$answer
    fi
    if [ -z "${PILLION_BIN:-}" ]; then
        compile pillion-cli 'Compiling the program pillion' pillion
        PILLION_BIN=$answer
    fi
    printf '   extension  %s\n   program    %s\n   storage    %s\n' "$PILLION_SO" "$PILLION_BIN" "$s3/weed"
}

random_text() {
    "$PHP" -n -r 'echo bin2hex(random_bytes(16));'
}

start_storage() {
    step 'Object storage: SeaweedFS, which checks signatures. Only the gateway has its key.'
    local name address ports=()
    access_key=$(random_text) secret_key=$(random_text)
    cat >"$run/s3.json" <<JSON
{"identities": [{"name": "gateway", "credentials": [{"accessKey": "$access_key", "secretKey": "$secret_key"}],
                 "actions": ["Admin", "Read", "Write", "List"]}]}
JSON
    for name in master.port master.port.grpc volume.port volume.port.grpc filer.port filer.port.grpc s3.port s3.port.grpc; do
        address=$(free_address)
        ports+=("-$name=${address##*:}")
        [ "$name" != s3.port ] || storage=http://$address
    done
    mkdir "$state/seaweed"
    serve seaweed "$s3/weed" -logtostderr=true server -dir="$state/seaweed" -ip=127.0.0.1 -ip.bind=127.0.0.1 -s3 "${ports[@]}" \
        -s3.port.iceberg=0 -s3.port.lance=0 -s3.config="$run/s3.json" -volume.max=50 -volume.minFreeSpace=16MiB \
        -master.volumeSizeLimitMB=128 -master.telemetry=false
    until_there 60 bucket || fail 'creating the bucket.' "$logs/seaweed.log"
    printf '   %s, with the bucket `artifacts`\n' "$storage"
}

# bucket [list]: creates the bucket, or prints the names and sizes of its objects.
bucket() {
    AWS_ACCESS_KEY_ID=$access_key AWS_SECRET_ACCESS_KEY=$secret_key "$s3/venv/bin/python" - "$storage" "${1:-create}" 2>"$run/bucket.log" <<'PYTHON'
import sys

import boto3
from botocore.config import Config

client = boto3.client('s3', endpoint_url=sys.argv[1], region_name='us-east-1',
                      config=Config(s3={'addressing_style': 'path'}, signature_version='s3v4'))
if sys.argv[2] == 'create':
    client.create_bucket(Bucket='artifacts')
else:
    for found in client.list_objects_v2(Bucket='artifacts').get('Contents', []):
        print(f"{found['Size']:>12,}  {found['Key']}")
PYTHON
}

start_gateway() {
    step '`pillion gateway`: clients get URLs of the storage, signed for one artifact each. There are two tokens.'
    trusted=$(random_text) reader=$(random_text)
    printf '%s\n' '# the main branch' "trusted $trusted" '# developers' "read $reader" >"$run/tokens"
    VC_STORAGE_DRIVER=s3 VC_S3_BUCKET=artifacts VC_S3_ENDPOINT=$storage AWS_ACCESS_KEY_ID=$access_key AWS_SECRET_ACCESS_KEY=$secret_key \
        serve gateway "$PILLION_BIN" gateway --listen 127.0.0.1:0 -d gateway_token_file="$run/tokens"
    until_there 10 grep -qs '^listening on ' "$logs/gateway.log" || fail 'starting the gateway.' "$logs/gateway.log"
    gateway=$(sed -n 's/^listening on //p' "$logs/gateway.log")
    printf '   %s\n' "$gateway"
}

# checkout NAME TOKEN: runs the tasks of a new copy of the workspace, with a store of its own.
checkout() {
    cp -r "$examples/pipeline" "$state/$1"
    printf '   $ pillion run test        # in the checkout `%s`\n%s' "$1" "$dim"
    (cd "$state/$1" && VC_SERVER_URL=$gateway VC_AUTH_TOKEN=$2 "$PILLION_BIN" run test --store "$state/$1.store") >"$run/out" 2>&1 ||
        fail "running the tasks of $1." "$run/out"
    sed 's/^/     /' "$run/out"
    printf '%s' "$plain"
}

restore_a_workspace() {
    step 'A workspace of Composer packages: the first checkout, with the trusted token, builds and uploads.'
    checkout first "$trusted"
    grep -q '4 misses' "$run/out" || fail 'the first run has found something.' "$run/out"
    step 'The second checkout, with the token that only reads, builds nothing.'
    checkout second "$reader"
    grep -q '4 hits (0 local, 4 remote)' "$run/out" || fail 'the second run has built something.' "$run/out"
    diff -r "$state/first" "$state/second" >"$run/out" || fail 'the checkouts differ.' "$run/out"
    printf '   Both checkouts have the same files.\n'
}

# ask HOST TOKEN MODE SETTING...: PHP asks for a RoadRunner, on a host with directories of its own.
ask() {
    local host=$1 token=$2 mode=$3 setting settings=()
    shift 3
    for setting in "state_dir=$state/$host" "run_dir=$run/$host" "velox_cache_dir=$state/$host/binaries" "log=$logs/$host.log" \
        "remote_url=$gateway" "remote_token=$token" "remote_mode=$mode" "$@"; do
        settings+=(-d "pillion.$setting")
    done
    mkdir -m 0700 "$state/$host" "$run/$host"
    "$PHP" -d "extension=$PILLION_SO" "${settings[@]}" "$examples/remote.php" >"$run/$host.out" 2>&1 || fail "getting a RoadRunner on $host." "$run/$host.out"
    printf '%s' "$dim"
    sed 's/^/     /' "$run/$host.out"
    printf '%s' "$plain"
}

share_a_binary() {
    step 'A PHP host builds a RoadRunner, which takes a minute or two, and sends it to the gateway.'
    # Neither built binaries nor compiled packages are kept, so that each run shows a complete build.
    rm -rf "$demo/velox"
    GOCACHE=$state/go serve velox "$PILLION_BIN" velox --listen 127.0.0.1:0 --dir "$demo/velox"
    until_there 10 grep -qs '^listening on ' "$logs/velox.log" || fail 'starting the build server.' "$logs/velox.log"
    ask builder "$trusted" read-write "velox_server_url=$(sed -n 's/^listening on //p' "$logs/velox.log")" "velox_path_map=$demo/velox"
    grep -q '^The gateway has it' "$run/builder.out" || fail 'the binary was not built and sent.' "$run/builder.out"

    step 'Another PHP host asks for the same. It has no build server at all, and a token that only reads.'
    ask other "$reader" read
    [ "$(grep sha256 "$run/builder.out")" = "$(grep sha256 "$run/other.out")" ] || fail 'the hosts have different binaries.'
    printf '   It is the same binary. Its SHA-256 was compared on arrival.\n'
}

show_metrics() {
    step 'The bucket has an object for each artifact:'
    bucket list | sed 's/^/   /' || fail 'listing the bucket.' "$run/bucket.log"
    printf '   Most bytes went between clients and storage. The gateway has counted:\n'
    curl --silent --fail --noproxy '*' "$gateway/metrics" | grep -E '^vc_(cache_(hits|misses)|cache_operations_total.* [1-9]|proxy_bytes_total)' | sed 's/^/   /'
}

run_demo() {
    mkdir -p "$logs"
    rm -f "$logs"/*.log
    run=$(mktemp -d -p /dev/shm pillion-demo.XXXXXX 2>/dev/null || mktemp -d)
    state=$(mktemp -d)
    trap 'end_servers; rm -rf "$run" "$state"' EXIT
    trap 'exit 130' INT TERM

    since=$SECONDS
    printf '%s\n' "${bold}Pillion: one host builds, all others get the result: tasks of a workspace, and a RoadRunner binary.$plain"
    set_up
    start_storage
    start_gateway
    restore_a_workspace
    share_a_binary
    show_metrics
    printf '\nThat was it, in %d s; all that was started has ended. The logs are in %s.\n' $((SECONDS - since)) "$logs"
}

with_lock demo-remote run_demo
