#!/usr/bin/env bash
# Measures Pillion and its peers in one run and prints a Markdown table to standard output. `bench.sh [NAME]...` (or
# BENCH=NAME) runs a selection: find, find_request, cache, cache_many, cache_adapters, cache_second_tier, metrics,
# cold_lookup, submit, scaling, find_under_writes, failover, memory, copy, requests, sentry, serve, gateway, worker,
# frankenphp. A missed goal is no failure.
#
# The extension is the release build. PILLION_SO, PILLION_BIN, PILLION_FIXTURES, PILLION_SINK and FAKE_VELOX, if set,
# name binaries to use instead of new builds.

. "$(dirname "$0")/lib.sh"

"$PILLION_ROOT/scripts/setup.sh" base bench
build() {
    say "building $1"
    "$PILLION_ROOT/scripts/build.sh" "$1"
}
PILLION_SO=${PILLION_SO:-$(build nts)}
FAKE_VELOX=${FAKE_VELOX:-$(build fake-velox)}
PILLION_FIXTURES=${PILLION_FIXTURES:-$(build pillion-fixtures)}
PILLION_SINK=${PILLION_SINK:-$(build pillion-sink)}
use_php nts

# Beside the compiled code, because /tmp may be in memory and a bench of the disk needs a disk.
mkdir -p "$PILLION_CACHE"
BENCH_DIR=$(mktemp -d -p "$PILLION_CACHE" bench.XXXXXX)
BENCH_RUN_DIR=$(mktemp -d -p /dev/shm pillion-bench.XXXXXX 2>/dev/null || mktemp -d)
server=''
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$BENCH_DIR" "$BENCH_RUN_DIR"' EXIT
trap 'exit 130' INT TERM

: >"$BENCH_DIR/velox.log"
"$FAKE_VELOX" --listen 127.0.0.1:0 >"$BENCH_DIR/velox.log" 2>&1 &
server=$!
for _ in {1..100}; do
    VELOX_URL=$(sed -n 's|^listening |http://|p' "$BENCH_DIR/velox.log")
    [ -z "$VELOX_URL" ] || break
    sleep 0.1
done
[ -n "$VELOX_URL" ] || die "the fake Velox server does not start: $(cat "$BENCH_DIR/velox.log")"

read -ra chosen <<<"${*:-${BENCH:-}}"
case " ${chosen[*]:-frankenphp} " in
    *' frankenphp '*)
        "$PILLION_ROOT/scripts/setup.sh" test
        PILLION_ZTS_SO=${PILLION_ZTS_SO:-$(build zts)}
        FRANKENPHP=${FRANKENPHP:-$("$PILLION_ROOT/scripts/hosts/frankenphp.sh")}
        export PILLION_ZTS_SO FRANKENPHP
        ;;
esac
case " ${chosen[*]:-serve} " in
    *' serve '*)
        "$PILLION_ROOT/scripts/setup.sh" test
        PILLION_BIN=${PILLION_BIN:-$(build pillion)}
        NGINX=${NGINX:-$(PATH=$PATH:/usr/sbin command -v nginx)}
        export PILLION_BIN NGINX
        ;;
esac
case " ${chosen[*]:-gateway} " in
    *' gateway '*)
        "$PILLION_ROOT/scripts/setup.sh" test
        PILLION_BIN=${PILLION_BIN:-$(build pillion)}
        GATEWAY_PEERS=${GATEWAY_PEERS:-$("$PILLION_ROOT/scripts/gateway-peers.sh")}
        export PILLION_BIN GATEWAY_PEERS
        ;;
esac
case " ${chosen[*]:-cache_second_tier} " in
    *' cache_second_tier '*)
        REDIS=${REDIS:-$("$PILLION_ROOT/scripts/hosts/redis.sh")}
        export REDIS
        ;;
esac
PILLION_PEERS=${PILLION_PEERS:-$("$PILLION_ROOT/scripts/peers.sh")}
# The libraries of some of them lie beside them.
export LD_LIBRARY_PATH=$PILLION_PEERS${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH} PILLION_PEERS
export PILLION_SO PILLION_FIXTURES PILLION_SINK BENCH_DIR BENCH_RUN_DIR VELOX_URL
say 'measuring takes some minutes, and a machine that does nothing else'
"$PHP" -n "$PILLION_ROOT/benches/run.php" ${chosen[@]+"${chosen[@]}"}
