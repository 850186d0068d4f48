#!/usr/bin/env bash
# PHP's tests under valgrind: `valgrind.sh [FOLDER OR TEST]...` below tests-php/phpt, all of them where none is named.
# Ends as a stage does; one check a test. Half a minute of processor time for ten tests.
#
# It is the extension as it is released (or the one in PILLION_SO), in Debian's own PHP, so nothing is built for it.
# PHP's allocator is switched off, so that each block is watched for itself. What counts is what valgrind says of the
# processes in which a test's own code ran, and of those that they forked: bytes read before they were written, memory used
# outside of its bounds or after its end, and blocks that nothing points to any more at the end. What the test itself says does
# not: twenty times slower, some are too late for their own expectations, and other stages have judged them.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/phpt.sh"

"$PILLION_ROOT/scripts/setup.sh" sanitizers
phpt_programs
extension=${PILLION_SO:-$("$PILLION_ROOT/scripts/build.sh" nts)}
use_php nts
own_directories
logs=$(mktemp -d)
trap 'rm -rf "$logs"; forget_directories' EXIT

cd "$PILLION_ROOT/tests-php/phpt"
mapfile -t tests < <(find "${@:-.}" -name '*.phpt' | sort)
[ ${#tests[@]} -gt 0 ] || die "no tests: $*"

# The library of the tests puts this before each PHP that it starts, and says which test it is.
PILLION_TEST_UNDER="valgrind --quiet --log-file=$logs/%q{PILLION_TEST_NAME}.%p --num-callers=30 --leak-check=full \
--show-leak-kinds=definite --errors-for-leak-kinds=definite --suppressions=$PILLION_ROOT/scripts/sanitizers/valgrind.supp"
export PILLION_TEST_UNDER USE_ZEND_ALLOC=0 ZEND_DONT_UNLOAD_MODULES=1
phpt "$extension" 900 "${tests[@]}" >"$logs.output" 2>&1
unset PILLION_TEST_UNDER USE_ZEND_ALLOC ZEND_DONT_UNLOAD_MODULES
say "under valgrind the tests themselves say: $passed passed, $failed failed"
passed=0 failed=0

# clean TEST: valgrind was there, and has found nothing.
clean() {
    local name
    name=$(basename "$1" .phpt)
    compgen -G "$logs/$name.*" >/dev/null || { cat "$logs.output" && return 1; }
    # Its findings are marked so; other lines tell of system calls that it doesn't know.
    ! grep -h '^==' "$logs/$name".*
}

for test in "${tests[@]}"; do
    check "nothing of ours under valgrind: ${test#./}" clean "$test"
done
rm -f "$logs.output"
verdict
