#!/usr/bin/env bash
# The complete demo, from scratch: builds the extension, starts `pillion velox`, requests a RoadRunner binary from PHP
# and works meanwhile, and serves a page with that binary. HOST=frankenphp: a FrankenPHP worker sends the request, on
# PHP with threads.
#
# The products are stored in the user's cache, so the next run is fast and shows the cache hit. All processes end with
# the script. PILLION_SO, PILLION_BIN and FRANKENPHP, if set, name binaries to use instead of new builds.

. "$(dirname "$0")/lib.sh"

readonly demo=$PILLION_CACHE/demo examples=$PILLION_ROOT/examples scripts=$PILLION_ROOT/scripts
readonly logs=$demo/logs rr=$demo/rr

. "$PILLION_ROOT/scripts/demo-lib.sh"

set_up() {
    local php=$1
    step 'The tools: missing packages are installed, and the extension is compiled.'
    if [ ! -d "$PILLION_TARGET_CACHE" ]; then
        printf '   The first time takes about six minutes on two cores%s.\n' "$([ "$php" = nts ] || echo ', and ten more for PHP with threads')"
    fi
    patiently 'Installing missing packages' "$scripts/setup.sh" base
    if [ "$php" = zts ]; then
        patiently 'Building PHP with threads' "$scripts/hosts/php-zts.sh"
    fi
    use_php "$php"
    if [ -z "${PILLION_SO:-}" ]; then
        compile pillion "Compiling the extension$([ "$php" = zts ] || echo ' and the program')" "$php"
        PILLION_SO=$answer
    fi
    if [ -z "${PILLION_BIN:-}" ]; then
        compile pillion-cli 'Compiling the program pillion' pillion
        PILLION_BIN=$answer
    fi
    if [ "$php" = zts ] && [ -z "${FRANKENPHP:-}" ]; then
        patiently 'Building FrankenPHP' "$scripts/hosts/frankenphp.sh"
        FRANKENPHP=$answer
    fi
    printf '   extension  %s\n   program    %s\n   PHP        %s\n' "$PILLION_SO" "$PILLION_BIN" "$("$PHP" -n -r 'echo PHP_VERSION, PHP_ZTS ? " with threads" : "", ", ", PHP_BINARY;')"
}

# All settings are in one ini file that every PHP of the demo reads after its own: the command line, the workers of
# RoadRunner and those of FrankenPHP.
configure() {
    mkdir -p "$demo/php.d"
    cat >"$demo/php.d/pillion.ini" <<INI
extension = "$PILLION_SO"
pillion.velox_server_url = "$1"
pillion.velox_path_map = "$demo/velox"
pillion.state_dir = "$demo/state"
pillion.run_dir = "$run"
pillion.log = "$logs/pillion.log"
INI
    export PHP_INI_SCAN_DIR=${PHP_INI_SCAN_DIR-}:$demo/php.d
    "$PHP" --ri pillion >"$logs/extension.log" 2>&1 || fail "loading the extension into $PHP." "$logs/extension.log"
}

start_velox() {
    step 'A build server: `pillion velox` speaks the protocol of Velox, and builds with the Go toolchain of this machine.'
    serve velox "$PILLION_BIN" velox --listen 127.0.0.1:0 --dir "$demo/velox"
    until_there 10 grep -q '^listening on ' "$logs/velox.log" || fail 'starting the build server.' "$logs/velox.log"
    local url
    url=$(sed -n 's/^listening on //p' "$logs/velox.log")
    printf '   It listens on %s; its log is %s\n' "$url" "$logs/velox.log"
    configure "$url"
}

ask_from_command_line() {
    step 'PHP asks for RoadRunner, and does not wait for it.'
    "$PHP" "$examples/build.php" --output="$rr" --rebuild || fail 'getting the binary.' "$logs/velox.log"
}

ask_from_frankenphp() {
    step 'A FrankenPHP worker asks for RoadRunner, and does not wait for it.'
    local address
    address=$(free_address)
    ADDRESS=$address serve frankenphp env -C "$examples/frankenphp" "$FRANKENPHP" run --config Caddyfile
    until_there 20 page "http://$address/status" || fail 'starting FrankenPHP.' "$logs/frankenphp.log"
    "$PHP" -n "$examples/frankenphp/visit.php" --url="http://$address" --output="$rr" --rebuild ||
        fail 'getting the binary.' "$logs/frankenphp.log"
}

page() {
    curl --silent --fail --max-time 10 "$1" >"$demo/page.json"
}

serve_with_the_binary() {
    step 'That very binary serves a page: RoadRunner, with PHP workers that have Pillion loaded.'
    local address
    address=$(free_address)
    PHP=$PHP serve roadrunner "$rr" serve -c "$examples/roadrunner/.rr.yaml" -o "http.address=$address" -o "rpc.listen=unix://$run/rr.sock"
    until_there 20 page "http://$address/" || fail 'getting a page from RoadRunner.' "$logs/roadrunner.log"
    printf '   http://%s/ answers, in brief:\n\n%s' "$address" "$dim"
    "$PHP" -n -r '
        $page = json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR);
        $pillion = $page["pillion"];
        foreach ([
            "roadrunner" => $page["roadrunner"],
            "worker" => "PHP {$page["php"]}, pid {$page["worker"]["pid"]}, request {$page["worker"]["requests"]}",
            "binary" => "{$page["binary"]["cache"]} {$page["binary"]["sha256"]}",
            "pillion" => "$pillion[version], {$pillion["heap"]["bytes"]} bytes of memory of its own, runtime " . ($pillion["runtime"]["started"] ? "started" : "not needed yet"),
            "velox" => "{$pillion["velox"]["server_url"]}, " . count($pillion["velox"]["builds"]) . " builds in flight",
            "state" => $pillion["host"]["state_dir"],
        ] as $name => $value) {
            printf("   %-11s %s\n", $name, $value);
        }' <"$demo/page.json" || fail "reading the page: $demo/page.json"
    printf '%s\n' "$plain"
    grep -q "$(sha256sum "$rr" | cut -d ' ' -f 1)" "$demo/page.json" || fail "the page does not speak of the binary that serves it: $demo/page.json"
    printf '   The checksum is that of the binary which serves the page: what the cache knows is what runs.\n'
}

run_demo() {
    local php
    # Some shells export HOST as the name of the machine.
    case ${HOST:-} in
        '' | cli | "$(uname -n)") php=nts ;;
        frankenphp) php=zts ;;
        *) die "HOST=$HOST: 'frankenphp' is one; without HOST, PHP's command line is used" ;;
    esac
    mkdir -p "$logs"
    run=$(mktemp -d -p /dev/shm pillion-demo.XXXXXX 2>/dev/null || mktemp -d)
    trap 'end_servers; rm -rf "$run"' EXIT
    trap 'exit 130' INT TERM

    since=$SECONDS
    printf '%s\n' "${bold}Pillion: PHP asks for a RoadRunner binary, goes on working, and has it in an instant the next time.$plain"
    set_up "$php"
    start_velox
    case $php in
        nts) ask_from_command_line ;;
        zts) ask_from_frankenphp ;;
    esac
    serve_with_the_binary
    printf '\nThat was it, in %d s; all that was started has ended. What was built stays in %s, so the next run is quick.\n' $((SECONDS - since)) "$demo"
}

with_lock demo run_demo
