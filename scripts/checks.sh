# shellcheck shell=bash
# Counting of checks, for stages and for tests on hosts; sourced, after lib.sh. The last call of a script is `verdict`.

passed=0 failed=0

# check NAME COMMAND...: one check, in its own shell, so that a function fails with its first failing command. The
# output is shown if the check fails.
check() {
    local name=$1 output status started=$SECONDS
    shift
    # Not `if output=$(…)`: `set -e` has no effect inside a condition.
    set +e
    output=$(
        set -e
        "$@" 2>&1
    )
    status=$?
    set -e
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
        printf 'ok      %s (%d s)\n' "$name" $((SECONDS - started))
    else
        failed=$((failed + 1))
        printf 'not ok  %s (exit code %d)\n%s\n' "$name" "$status" "$output"
    fi
}

# add_counts PASSED FAILED: adds the counts of another test runner.
add_counts() {
    passed=$((passed + $1)) failed=$((failed + $2))
}

# counts_in FILE: passed and failed from the last line of a stage's output; a stage without that line counts as one
# failure.
counts_in() {
    sed -nE 's/^PILLION-STAGE passed=([0-9]+) failed=([0-9]+)$/\1 \2/p' "$1" | tail -n 1 | grep . || echo 0 1
}

# bounded SECONDS COMMAND...: a command with a timeout, after which the command and all its children are ended. They are
# also ended on Ctrl-C, which the terminal sends to this shell only.
bounded() {
    local child
    timeout --kill-after=20 "$@" </dev/null &
    child=$!
    # shellcheck disable=SC2064
    trap "kill $child 2>/dev/null" INT TERM
    wait "$child"
}

# own_directories: new, empty state and run directories of Pillion for all later commands, so that tests never touch the
# user's real ones; removed at the end of the script. The run directory is in memory if the machine has /dev/shm.
own_directories() {
    forget_directories
    STATE_DIRECTORY=$(mktemp -d)
    RUNTIME_DIRECTORY=$(mktemp -d -p /dev/shm pillion-test.XXXXXX 2>/dev/null || mktemp -d)
    own=("$STATE_DIRECTORY" "$RUNTIME_DIRECTORY")
    export STATE_DIRECTORY RUNTIME_DIRECTORY
    trap forget_directories EXIT
}

own=()
forget_directories() {
    [ ${#own[@]} -eq 0 ] || rm -rf "${own[@]}"
}

verdict() {
    printf 'PILLION-STAGE passed=%d failed=%d\n' "$passed" "$failed"
    [ "$failed" -eq 0 ]
}
