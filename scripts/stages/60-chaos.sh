#!/usr/bin/env bash
# The chaos tests in their short form: PHP processes are killed at every failpoint and 400 times at random instants;
# failover times; 200 concurrent requests for the same builds; kills of the standing server. The seed is new each time
# and printed first. Long forms: `make chaos`.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
readonly scripts=$PILLION_ROOT/scripts

own_directories
# Their compilation is not part of a scenario's time.
for product in chaos failpoints zts pillion; do
    "$scripts/build.sh" "$product" >/dev/null || true
done
scenario() { # NAME ARGUMENTS...
    bounded 280 "$scripts/chaos.sh" --scenario "$@"
}

seed=${SEED:-$RANDOM$RANDOM}
say "chaos: seed $seed"
check "a process killed at each failpoint disturbs no other (seed $seed)" scenario failpoints --seed "$seed"
check "400 random kills leave index, files and locks intact (seed $seed)" scenario random_kills --seed "$seed" --kills 400
check "a killed builder or leader is replaced in about a second (seed $seed)" scenario failover --seed "$seed" --rounds 10
check "200 requests for 20 configurations: 20 builds, one more for each killed builder (seed $seed)" scenario thundering_herd --seed "$seed"
check "30 kills of senders: each accepted envelope arrives (seed $seed)" scenario outbox --seed "$seed" --kills 30
check "100 processes send at once: each envelope arrives (seed $seed)" scenario senders --seed "$seed" --callers 100
check "400 kills of processes that use the shared cache leave it whole (seed $seed)" scenario cache --seed "$seed" --kills 400
check "15 kills of the standing server: downloads are resumed, counters exact (seed $seed)" scenario serve --seed "$seed" --kills 15
check "200 requests get the failure of one build (seed $seed)" scenario build_failure --seed "$seed"
verdict
