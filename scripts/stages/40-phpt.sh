#!/usr/bin/env bash
# Runs `tests-php/phpt` with PHP's test runner and both PHPs. PHPT=FILE OR FOLDER runs a part.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/phpt.sh"

phpt_programs
for php in nts zts; do
    extension=$("$PILLION_ROOT/scripts/build.sh" "$php")
    use_php "$php"
    own_directories
    say "phpt with $("$PHP" -n -r 'echo PHP_VERSION, PHP_ZTS ? " ZTS" : " NTS";')"
    phpt "$extension" 120 "${PHPT:-$PILLION_ROOT/tests-php/phpt}"
done
verdict
