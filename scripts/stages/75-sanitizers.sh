#!/usr/bin/env bash
# Errors that no test detects by itself: lost or misused memory, assertions of Zend, and memory orderings that this
# machine's processor never reorders. A PHP with debug checks runs all of PHP's tests, valgrind the folders in which
# most of the code uses PHP's memory, and loom all scenes of the lock-free files. SANITIZE_PHPT names other folders or
# tests for valgrind, `.` all of them, and SANITIZE_SECONDS their timeout; `make sanitize` is the long form.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/phpt.sh"
cd "$PILLION_ROOT"

reports_leaks() {
    local output
    output=$("$PHP" -n -d "extension=$("$PHP_CONFIG" --extension-dir)/zend_test.so" -r 'zend_leak_variable(new stdClass);' 2>&1) || true
    grep '=== Total 1 memory leaks detected ===' <<<"$output"
}

phpt_programs
use_php debug
check 'the debug PHP tells of what is never freed' reports_leaks
own_directories
say "phpt with $("$PHP" -n -r 'echo PHP_VERSION, PHP_ZTS ? " ZTS" : " NTS", PHP_DEBUG ? " DEBUG" : "";')"
phpt "$("$PILLION_ROOT/scripts/build.sh" debug)" 120 "$PILLION_ROOT/tests-php/phpt"

use_php nts
check 'every order of threads in the lock-free files (loom)' nice cargo test --quiet -p pillion-model --test scenes

output=$(mktemp)
trap 'rm -f "$output"; forget_directories' EXIT
# shellcheck disable=SC2086
bounded "${SANITIZE_SECONDS:-600}" "$PILLION_ROOT/scripts/sanitizers/valgrind.sh" ${SANITIZE_PHPT:-artifact notifier worker/put_back.phpt worker/left_behind.phpt worker/resets_by_itself.phpt} 2>&1 | tee "$output" || true
read -r valgrind_passed valgrind_failed < <(counts_in "$output")
add_counts "$valgrind_passed" "$valgrind_failed"
verdict
