#!/usr/bin/env bash
# One worker of each host under load, and what it holds meanwhile: SOAK_REQUESTS altogether (200,000), and not shorter
# than SOAK_SECONDS (0). Prints the course of memory, descriptors, threads and files.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/provide.sh"

provide_hosts
own_directories
output=$(mktemp) status=0
export TESTED_PHP=$PHP_NTS TESTED_FPM=$PHP_NTS_FPM TESTED_SO=$PILLION_SO
bounded $((2 * ${SOAK_SECONDS:-0} + 1000)) "$PHP_NTS" "$PILLION_ROOT/tests-php/soak/soak.php" 2>&1 |
    tee "$output" || status=$?
# shellcheck disable=SC2046
add_counts $(counts_in "$output")
rm -f "$output"
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || add_counts 0 1
verdict
