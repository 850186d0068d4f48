# shellcheck shell=bash
# How stages and the tests on hosts count; sourced, after lib.sh. Ends a script: `verdict`.

passed=0 failed=0

# check NAME COMMAND...: one check, in a shell of its own, so that a function which fails half-way has failed.
# What it printed is shown when it fails.
check() {
    local name=$1 output status started=$SECONDS
    shift
    # Not `if output=$(…)`: what runs inside of a condition runs on after a failing command.
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

# add_counts PASSED FAILED: what another test runner counted.
add_counts() {
    passed=$((passed + $1)) failed=$((failed + $2))
}

# counts_in FILE: the passed and failed of a stage's last words; a stage without them has failed once.
counts_in() {
    sed -nE 's/^PILLION-STAGE passed=([0-9]+) failed=([0-9]+)$/\1 \2/p' "$1" | tail -n 1 | grep . || echo 0 1
}

# bounded SECONDS COMMAND...: at most that long; then the command and all that it started are ended. So they are too
# when the terminal says Ctrl-C, which reaches this shell only.
bounded() {
    local child
    timeout --kill-after=20 "$@" </dev/null &
    child=$!
    # shellcheck disable=SC2064
    trap "kill $child 2>/dev/null" INT TERM
    wait "$child"
}

# own_directories: Pillion's state and run directories for what is started from here on, new and empty, so that the
# user's real ones are never touched; gone when the script ends. The second lies in memory, where it has one.
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
