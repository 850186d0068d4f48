#!/usr/bin/env bash
# PHP's own test runner over `tests-php/phpt`, with both PHPs. Tests find the programs in PILLION_BIN and FAKE_VELOX.
# What a failing test leaves behind (.diff, .out, ...) stays beside it.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
readonly tests=$PILLION_ROOT/tests-php/phpt

PILLION_BIN=$("$PILLION_ROOT/scripts/build.sh" pillion)
FAKE_VELOX=$("$PILLION_ROOT/scripts/build.sh" fake-velox)
export PILLION_BIN FAKE_VELOX
results=$(mktemp)

# Debian keeps the runner in a folder named for PHP's API, a PHP from source does not.
runner() {
    local home
    home=$("$PHP_CONFIG" --prefix)/lib/php
    ls "$home/build/run-tests.php" 2>/dev/null || ls "$home/$("$PHP_CONFIG" --phpapi)/build/run-tests.php"
}

# count WHAT: results of that kind, an extended regular expression.
count() {
    grep -cE "^($1)[[:space:]]" "$results" || true
}

run() {
    local extension asked settled
    extension=$("$PILLION_ROOT/scripts/build.sh" "$1")
    use_php "$1"
    own_directories
    : >"$results"
    say "phpt with $("$PHP" -n -r 'echo PHP_VERSION, PHP_ZTS ? " ZTS" : " NTS";')"
    TEST_PHP_EXECUTABLE=$PHP NO_INTERACTION=1 "$PHP" -n "$(runner)" -q -j"$(nproc)" --no-color --no-progress \
        --show-diff --set-timeout 120 -W "$results" -n -d "extension=$extension" "$tests" || true
    asked=$(find "$tests" -name '*.phpt' | wc -l)
    settled=$(count 'PASSED|SKIPPED|XFAILED')
    # All others failed, were malformed, leaked, or were never come to; no test at all is a failure too.
    add_counts "$(count PASSED)" $((asked > 0 ? asked - settled : 1))
}

[ -d "$tests" ] || die "$tests is missing"
run nts
run zts
rm -f "$results"
verdict
