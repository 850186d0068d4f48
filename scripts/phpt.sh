# shellcheck shell=bash
# PHP's test runner, for the stages that run `tests-php/phpt`; sourced, after lib.sh and checks.sh. The files of a
# failing test (.diff, .out, ...) stay beside it.

# Tests find the programs in these variables; values that are already set are kept.
phpt_programs() {
    PILLION_BIN=${PILLION_BIN:-$("$PILLION_ROOT/scripts/build.sh" pillion)}
    FAKE_VELOX=${FAKE_VELOX:-$("$PILLION_ROOT/scripts/build.sh" fake-velox)}
    FAKE_SENTRY=${FAKE_SENTRY:-$("$PILLION_ROOT/scripts/build.sh" fake-sentry)}
    export PILLION_BIN FAKE_VELOX FAKE_SENTRY
}

# Debian stores the runner in a folder named for PHP's API, a PHP from source does not.
phpt_runner() {
    local home
    home=$("$PHP_CONFIG" --prefix)/lib/php
    ls "$home/build/run-tests.php" 2>/dev/null || ls "$home/$("$PHP_CONFIG" --phpapi)/build/run-tests.php"
}

# phpt_count KIND FILE: number of results of that kind, an extended regular expression.
phpt_count() {
    grep -cE "^($1)[[:space:]]" "$2" || true
}

# phpt EXTENSION SECONDS TEST...: runs files or folders with the PHP of use_php and that timeout per test. Counts.
phpt() {
    local extension=$1 seconds=$2 results asked settled
    shift 2
    results=$(mktemp)
    TEST_PHP_EXECUTABLE=$PHP NO_INTERACTION=1 "$PHP" -n "$(phpt_runner)" -q -j"${PHPT_JOBS:-$((2 * $(nproc)))}" --no-color \
        --no-progress --show-diff --set-timeout "$seconds" -W "$results" -n -d "extension=$extension" "$@" || true
    asked=$(find "$@" -name '*.phpt' | wc -l)
    settled=$(phpt_count 'PASSED|SKIPPED|XFAILED' "$results")
    # All others failed, were malformed, leaked, or did not run; a run without tests is a failure too.
    add_counts "$(phpt_count PASSED "$results")" $((asked > 0 ? asked - settled : 1))
    rm -f "$results"
}
