#!/usr/bin/env bash
# One worker of each host under load, and its resource usage: SOAK_REQUESTS altogether (200,000), for at least
# SOAK_SECONDS (0). Prints the course of memory, descriptors, threads and files. Then, if SOAK_ENDINGS is set, that many
# requests of a random mix of endings, as in the tests of worker mode.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/provide.sh"

provide_hosts
own_directories
export TESTED_PHP=$PHP_NTS TESTED_FPM=$PHP_NTS_FPM TESTED_SO=$PILLION_SO

# soak SECONDS FILE: runs the tests of the file with that timeout.
soak() {
    local output status=0
    output=$(mktemp)
    bounded "$1" "$PHP_NTS" "$PILLION_ROOT/tests-php/$2" 2>&1 | tee "$output" || status=$?
    # shellcheck disable=SC2046
    add_counts $(counts_in "$output")
    rm -f "$output"
    [ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || add_counts 0 1
}

soak $((2 * ${SOAK_SECONDS:-0} + 1000)) soak/soak.php
if [ -n "${SOAK_ENDINGS:-}" ]; then
    WORKER_REQUESTS=$SOAK_ENDINGS soak $((600 + SOAK_ENDINGS / 100)) hosts/worker/test_random_endings.php
fi
verdict
