#!/usr/bin/env bash
# The torture kit in its short form: processes of PHP are killed at every named place, and 400 times at random instants;
# how soon the dead are succeeded; 200 who want the same at once. The seed is a new one each time and printed first.
# Long forms: `make torture`.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
readonly scripts=$PILLION_ROOT/scripts

own_directories
"$scripts/build.sh" failpoints >/dev/null || true
scenario() { # NAME ARGUMENTS...
    bounded 280 "$scripts/torture.sh" --scenario "$@"
}

seed=${SEED:-$RANDOM$RANDOM}
say "torture: seed $seed"
check "somebody dies at every named place, and nobody is hurt (seed $seed)" scenario points --seed "$seed"
check "400 processes are killed at random, and nothing is wrong (seed $seed)" scenario storm --seed "$seed" --kills 400
check "the dead are succeeded in about a second (seed $seed)" scenario heirs --seed "$seed" --rounds 10
check "200 ask for 20 configurations: 20 builds, and one for each killed builder (seed $seed)" scenario crowd --seed "$seed"
check "30 die while they send envelopes: each that was taken arrives (seed $seed)" scenario outbox --seed "$seed" --kills 30
check "100 send at once: each envelope arrives (seed $seed)" scenario senders --seed "$seed" --crowd 100
check "200 learn from one build why it failed (seed $seed)" scenario failure --seed "$seed"
verdict
