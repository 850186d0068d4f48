#!/usr/bin/env bash
# Shows `pillion serve`, from scratch: nginx with php-fpm, FrankenPHP in Caddy, and RoadRunner on one host, with the
# configurations of examples/serve. Clients download a binary while it is built, no PHP worker is held, and downloads
# that break are resumed.
#
# Products are stored in the user's cache, so the next run is fast. All processes end with the script. PILLION_SO,
# PILLION_ZTS_SO, PILLION_BIN and FRANKENPHP, if set, are used instead of new builds.

. "$(dirname "$0")/lib.sh"

readonly demo=$PILLION_CACHE/demo-serve serve=$PILLION_ROOT/examples/serve clients=20
readonly logs=$demo/logs

. "$PILLION_ROOT/scripts/demo-lib.sh"

set_up() {
    step 'The tools: missing packages are installed, the extension is compiled for PHP with and without threads.'
    if [ ! -d "$PILLION_TARGET_CACHE" ]; then
        printf '   The first time takes about thirty minutes on two cores.\n'
    fi
    patiently 'Installing missing packages' "$PILLION_ROOT/scripts/setup.sh" base test browser
    patiently 'Building PHP with threads' "$PILLION_ROOT/scripts/hosts/php-zts.sh"
    if [ -z "${FRANKENPHP:-}" ]; then
        patiently 'Building FrankenPHP' "$PILLION_ROOT/scripts/hosts/frankenphp.sh"
        FRANKENPHP=$answer
    fi
    if [ -z "${PILLION_ZTS_SO:-}" ]; then
        use_php zts
        compile pillion 'Compiling the extension for PHP with threads' zts
        PILLION_ZTS_SO=$answer
    fi
    use_php nts
    if [ -z "${PILLION_SO:-}" ]; then
        compile pillion 'Compiling the extension and the program' nts
        PILLION_SO=$answer
    fi
    if [ -z "${PILLION_BIN:-}" ]; then
        compile pillion-cli 'Compiling the program pillion' pillion
        PILLION_BIN=$answer
    fi
    nginx=$(PATH=$PATH:/usr/sbin command -v nginx) || fail 'finding nginx.'
    printf '   extension  %s\n   with threads  %s\n   program    %s\n' "$PILLION_SO" "$PILLION_ZTS_SO" "$PILLION_BIN"
}

# All processes of the host have these directories, and one cache, which is empty at the start.
configure() {
    readonly artifacts=$state/velox-binaries
    export PILLION_STATE_DIR=$state PILLION_RUN_DIR=$run/run PILLION_VELOX_CACHE_DIR=$artifacts
    export PILLION_VELOX_SERVER_URL=$velox PILLION_VELOX_PATH_MAP=$demo/velox
    mkdir -m 0700 "$run/run"
    mkdir -p "$artifacts"
    # Without a token, clients of this machine read the pages, and change nothing.
    sed -e "s|http://127.0.0.1:9000|$velox|; s|127.0.0.1:9180|$server|; /token_file/d; s|/srv/pillion/velox-binaries|$artifacts|" \
        "$serve/pillion.yaml" >"$run/pillion.yaml"
    ini accel "$PILLION_SO" "pillion.delivery_accel_map = \"$artifacts=/_artifacts\"" 'pillion.delivery_url = /_pillion'
    ini caddy "$PILLION_ZTS_SO" "pillion.delivery_accel_map = \"$artifacts=/_artifacts\"" 'pillion.delivery_url = /_pillion'
    ini roadrunner "$PILLION_SO" 'pillion.delivery = sendfile' "pillion.delivery_url = http://$server"
    "$PHP" -n -c "$run/accel" -d "extension=$PILLION_SO" --ri pillion >"$logs/extension.log" 2>&1 ||
        fail "loading the extension into $PHP." "$logs/extension.log"
}

# ini NAME EXTENSION LINE...: a folder with settings of PHP, for PHP_INI_SCAN_DIR.
ini() {
    local name=$1 extension=$2
    shift 2
    mkdir "$run/$name"
    printf '%s\n' "extension = \"$extension\"" \
        "pillion.state_dir = \"$PILLION_STATE_DIR\"" "pillion.run_dir = \"$PILLION_RUN_DIR\"" \
        "pillion.velox_cache_dir = \"$artifacts\"" "pillion.velox_server_url = \"$velox\"" \
        "pillion.velox_path_map = \"$demo/velox\"" "pillion.log = \"$logs/pillion.log\"" "$@" >"$run/$name/pillion.ini"
}

start_servers() {
    step 'A build server and `pillion serve`; nginx with php-fpm, and FrankenPHP in Caddy, two PHP workers each.'
    # Neither built binaries nor compiled packages are kept, so that each run shows a complete build.
    rm -rf "$demo/velox"
    GOCACHE=$state/go serve velox "$PILLION_BIN" velox --listen 127.0.0.1:0 --dir "$demo/velox"
    until_there 10 grep -qs '^listening on ' "$logs/velox.log" || fail 'starting the build server.' "$logs/velox.log"
    velox=$(sed -n 's/^listening on //p' "$logs/velox.log")
    server=$(free_address)
    configure
    serve serve "$PILLION_BIN" serve --config "$run/pillion.yaml"
    first=${started[-1]}
    until_there 10 grep -qs '^listening on ' "$logs/serve.log" || fail 'starting pillion serve.' "$logs/serve.log"

    # Everything runs as the user of the demo; php-fpm and nginx serve as root only if their settings say so.
    local as=() lines=() user=''
    if [ "$(id -u)" -eq 0 ]; then
        as=(-R) lines=('user = root') user='user root;'
    fi
    printf '%s\n' '[global]' 'error_log = /dev/stderr' '[www]' "${lines[@]}" "listen = $run/fpm.sock" 'pm = static' \
        'pm.max_children = 2' 'catch_workers_output = yes' >"$run/fpm.conf"
    PHP_INI_SCAN_DIR=$run/accel serve php-fpm "$PHP_FPM" "${as[@]}" -F -y "$run/fpm.conf"
    until_there 10 test -S "$run/fpm.sock" || fail 'starting php-fpm.' "$logs/php-fpm.log"
    at_nginx=$(free_address)
    sed -e "s|^user .*|$user|; s|/run/nginx.pid|$run/nginx.pid|; s|127.0.0.1:8080|$at_nginx|" \
        -e "s|/srv/app/|$serve/|; s|/run/php/php8.2-fpm.sock|$run/fpm.sock|; s|/srv/pillion/velox-binaries|$artifacts|" \
        -e "s|127.0.0.1:9180|$server|; s|^http {|&\n    client_body_temp_path $run/body; proxy_temp_path $run/proxy; fastcgi_temp_path $run/fastcgi; uwsgi_temp_path $run/uwsgi; scgi_temp_path $run/scgi;|" \
        "$serve/nginx.conf" >"$run/nginx.conf"
    serve nginx "$nginx" -e stderr -g 'daemon off;' -c "$run/nginx.conf"
    until_there 10 page "http://$at_nginx/hello" || fail 'starting nginx.' "$logs/nginx.log"

    at_caddy=$(free_address)
    PHP_INI_SCAN_DIR=$run/caddy XDG_DATA_HOME=$run XDG_CONFIG_HOME=$run ADDRESS=$at_caddy ARTIFACTS=$artifacts PILLION_SERVE=$server \
        serve frankenphp env -C "$serve" "$FRANKENPHP" run --config Caddyfile
    until_there 20 page "http://$at_caddy/hello" || fail 'starting FrankenPHP.' "$logs/frankenphp.log"
    printf '   %-36s %s\n' 'pillion serve' "http://$server" 'nginx with php-fpm' "http://$at_nginx" 'FrankenPHP in Caddy' "http://$at_caddy"
}

page() {
    curl --silent --fail --max-time 10 --noproxy '*' "$@" >"$run/page"
}

# Clients of both front servers ask for a binary that is not in the cache.
download_while_it_is_built() {
    step "$clients clients download a RoadRunner that is not built yet: half of them from nginx, half from Caddy."
    local at client pids=() status=0 began=$SECONDS
    for ((client = 0; client < clients; client++)); do
        at=$([ $((client % 2)) -eq 0 ] && echo "$at_nginx" || echo "$at_caddy")
        curl --silent --show-error --fail --noproxy '*' --max-time 900 --dump-header "$run/head.$client" --output "$run/rr.$client" "http://$at/" 2>>"$logs/clients.log" &
        pids+=($!)
    done
    until_there 60 all_wait || fail 'the clients do not wait for the build.' "$logs/serve.log"
    printf '   All %d wait at `pillion serve`, while the build server works. Meanwhile:\n' "$clients"
    local name
    for name in nginx caddy; do
        at=at_$name
        page "http://${!at}/hello" || fail "getting a page from $name while the clients wait."
        printf '   - %-6s answers another request at once: %s\n' "$name" "$(cat "$run/page")"
    done
    "$PILLION_BIN" status >"$run/page" || fail 'reading the state of the host.' "$run/page"
    printf '   - `pillion status` says:\n%s' "$dim"
    grep -E '^(leader|workers|builds|  build|delivery) ' "$run/page" | sed 's/^/       /'
    printf '%s' "$plain"
    "$PILLION_BIN" status --json >"$run/page" || fail 'reading the state of the host.' "$run/page"
    "$PHP" -n -r '
        ["workers" => $workers] = json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR);
        exit($workers !== [] && array_filter(array_column($workers, "busy"), is_float(...)) === [] ? 0 : 1);' <"$run/page" || fail "a worker is held by a waiting client: $(cat "$run/page")"
    page "http://$server/metrics" || fail 'getting the metrics page.'
    grep -E '^(velox_builds_active|pillion_delivery_responses_total\{method="(accel|stream)"\}) ' "$run/page" | sed 's/^/   - the metrics page says /'
    grep -q '^pillion_delivery_responses_total{method="stream"} 0$' "$run/page" || fail 'PHP has sent a binary itself.'
    page "http://$server/dashboard/api/overview" || fail 'getting the state of the host.'
    "$PHP" -n -r '
        $host = json_decode(stream_get_contents(STDIN), true, flags: JSON_THROW_ON_ERROR);
        printf("   - the dashboard says %d active build, and %d responses that held a PHP worker\n", $host["builds"]["active"], $host["delivery"]["held"]);
        exit($host["builds"]["active"] === 1 && $host["delivery"]["held"] === 0 ? 0 : 1);' <"$run/page" || fail "the dashboard shows another state: $(cat "$run/page")"
    screenshot dashboard-building
    printf '   The build goes on, and takes a minute or two on two cores.\n'
    for client in "${pids[@]}"; do
        wait "$client" || status=1
    done
    [ "$status" -eq 0 ] || fail 'a download failed.' "$logs/clients.log"
    [ "$(sha256sum "$run"/rr.* | cut -d ' ' -f 1 | sort -u | wc -l)" -eq 1 ] || fail 'the clients have different binaries.'
    mv "$run/rr.0" "$demo/rr"
    rm "$run"/rr.*
    chmod +x "$demo/rr"
    sha=$(sha256sum "$demo/rr" | cut -d ' ' -f 1)
    printf '   After %d s all %d have the same %d bytes, from one build.\n' $((SECONDS - began)) "$clients" "$(stat -c %s "$demo/rr")"
    printf '   Its response, at nginx:\n%s' "$dim"
    grep -iE '^(HTTP|content-(type|disposition|length)|x-)' "$run/head.0" | tr -d '\r' | sed 's/^/     /'
    printf '%s' "$plain"
}

# screenshot NAME: the dashboard in a browser.
screenshot() {
    local options=(--headless --disable-gpu --hide-scrollbars --no-proxy-server --no-first-run --disable-dev-shm-usage)
    # Chromium refuses its sandbox to root.
    [ "$(id -u)" -ne 0 ] || options+=(--no-sandbox)
    rm -f "$demo/$1.png"
    HOME=$run timeout 60 chromium "${options[@]}" --user-data-dir="$run/chromium" --window-size=1280,900 --timeout=3000 \
        --screenshot="$demo/$1.png" "http://$server/dashboard" >"$logs/$1.log" 2>&1 || fail "opening the dashboard in Chromium." "$logs/$1.log"
    [ -s "$demo/$1.png" ] || fail 'Chromium has saved no screenshot.' "$logs/$1.log"
    printf '   - a browser has the dashboard open: %s\n' "$demo/$1.png"
}

all_wait() {
    page "http://$server/metrics" || return 1
    [ "$(sed -n 's/^pillion_delivery_responses_total{method="accel"} //p' "$run/page")" = "$clients" ] &&
        grep -q '^velox_builds_active 1$' "$run/page"
}

start_roadrunner() {
    step 'That binary is the third front server: RoadRunner, whose plugin `service` starts a second `pillion serve`.'
    at_roadrunner=$(free_address)
    PHP_INI_SCAN_DIR=${PHP_INI_SCAN_DIR-}:$run/roadrunner PHP=$PHP PILLION=$PILLION_BIN PILLION_CONFIG=$run/pillion.yaml ADDRESS=$at_roadrunner \
        serve roadrunner "$demo/rr" serve -w "$serve" -c "$serve/rr.yaml"
    until_there 20 page "http://$at_roadrunner/hello" || fail 'starting RoadRunner.' "$logs/roadrunner.log"
    until_there 20 grep -qs 'stand-by' "$logs/roadrunner.log" || fail 'starting the stand-by.' "$logs/roadrunner.log"
    printf '   RoadRunner  http://%s\n   Its `pillion serve` is the stand-by of the first one, and takes over if that ends.\n' "$at_roadrunner"
}

# A client requests the rest of a download that has ended early.
resume() {
    step 'A download breaks, and is resumed with `Range`, at each front server.'
    local name at part size
    size=$(stat -c %s "$demo/rr")
    for name in nginx caddy roadrunner; do
        at=at_$name
        # The client disconnects after a second, in the middle.
        curl --silent --location --noproxy '*' --limit-rate 4M --max-time 1 --output "$run/part" "http://${!at}/" 2>/dev/null || true
        part=$(stat -c %s "$run/part")
        [ "$part" -gt 0 ] && [ "$part" -lt "$size" ] || fail "$name: $part of $size bytes have come, so nothing broke."
        curl --silent --show-error --fail --location --noproxy '*' --max-time 60 --continue-at - --dump-header "$run/head" --output "$run/part" "http://${!at}/" 2>>"$logs/clients.log" ||
            fail "resuming the download at $name." "$logs/clients.log"
        grep -q '^HTTP/[0-9.]* 206' "$run/head" || fail "$name: no partial response." "$run/head"
        [ "$(sha256sum "$run/part" | cut -d ' ' -f 1)" = "$sha" ] || fail "$name: the resumed binary differs."
        printf '   %-11s broke after %9d bytes; %9d bytes came with status 206%s; the checksum is right\n' "$name" "$part" $((size - part)) \
            "$(grep -q '^HTTP/[0-9.]* 303' "$run/head" && echo ', from pillion serve')"
        rm "$run/part"
    done
}

# `pillion serve` is killed; the one of RoadRunner serves at once, on the same address.
take_over() {
    step '`pillion serve` is killed: the stand-by takes over, with the same address and the same tickets.'
    local link
    link=$(curl --silent --noproxy '*' --header 'Range: bytes=0-9' --output /dev/null --write-out '%{redirect_url}' "http://$at_roadrunner/")
    [ -n "$link" ] || fail 'RoadRunner gave no ticket.'
    kill -KILL "$first"
    wait "$first" 2>/dev/null || true
    until_there 20 page "http://$server/health" || fail 'no server took over.' "$logs/roadrunner.log"
    page --header 'Range: bytes=0-9' "$link" || fail 'the ticket of before is refused.'
    printf '   %s\n' "$(curl --silent --noproxy '*' "http://$server/health")"
}

run_demo() {
    mkdir -p "$logs"
    rm -f "$logs"/*.log
    run=$(mktemp -d -p /dev/shm pillion-demo.XXXXXX 2>/dev/null || mktemp -d)
    state=$(mktemp -d)
    trap 'end_servers; rm -rf "$run" "$state"' EXIT
    trap 'exit 130' INT TERM

    since=$SECONDS
    printf '%s\n' "${bold}Pillion: clients download a binary while it is built, and no PHP worker waits for it.$plain"
    set_up
    start_servers
    download_while_it_is_built
    start_roadrunner
    resume
    take_over
    printf '\nThat was it, in %d s; all that was started has ended. The logs are in %s.\n' $((SECONDS - since)) "$logs"
}

with_lock demo-serve run_demo
