#!/usr/bin/env bash
# Runs PHP's tests under valgrind: `valgrind.sh [FOLDER OR TEST]...` below tests-php/phpt, by default all of them. Ends
# like a stage; one check per test. Half a minute of processor time for ten tests.
#
# The extension is the release build (or PILLION_SO), in Debian's own PHP, so nothing needs a special build. PHP's
# allocator is disabled, so that valgrind tracks each block. Counted are valgrind's findings about the processes that
# ran a test's own code, and about those that they forked: reads of uninitialized bytes, accesses out of bounds or after
# free, and blocks without a pointer to them at the end. The test's own result is ignored: twenty times slower, some
# tests miss their own expectations, and other stages have checked them.

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

# lib.inc puts this before each PHP that it starts, and adds the test's name.
PILLION_TEST_UNDER="valgrind --quiet --log-file=$logs/%q{PILLION_TEST_NAME}.%p --num-callers=30 --leak-check=full \
--show-leak-kinds=definite --errors-for-leak-kinds=definite --suppressions=$PILLION_ROOT/scripts/sanitizers/valgrind.supp"
export PILLION_TEST_UNDER USE_ZEND_ALLOC=0 ZEND_DONT_UNLOAD_MODULES=1
phpt "$extension" 900 "${tests[@]}" >"$logs.output" 2>&1
unset PILLION_TEST_UNDER USE_ZEND_ALLOC ZEND_DONT_UNLOAD_MODULES
say "under valgrind the tests themselves say: $passed passed, $failed failed"
passed=0 failed=0

# clean TEST: valgrind ran, and has no findings.
clean() {
    local name
    name=$(basename "$1" .phpt)
    compgen -G "$logs/$name.*" >/dev/null || { cat "$logs.output" && return 1; }
    # Findings have this mark; other lines report system calls that valgrind doesn't know.
    ! grep -h '^==' "$logs/$name".*
}

for test in "${tests[@]}"; do
    check "nothing of ours under valgrind: ${test#./}" clean "$test"
done
rm -f "$logs.output"
verdict
