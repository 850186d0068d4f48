#!/usr/bin/env bash
# The tests on real hosts: runs every `tests-php/hosts/*/run.sh`, which ends like a stage, and adds up the counts. A
# host that can't be built is a failure. Each host has its own directories, and ten minutes (HOST_LIMIT seconds).
# HOSTS='a b' selects some. ROUNDS=1000 with a larger TESTS_LIMIT and HOST_LIMIT: the long form of restarts, ends, kills
# and forks.
#
# scripts/provide.sh lists their environment.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/provide.sh"
readonly tests=$PILLION_ROOT/tests-php/hosts

run() {
    local output host status=0 host_passed host_failed
    host=$(basename "$(dirname "$1")") output=$(mktemp)
    say "host $host"
    own_directories
    bounded "${HOST_LIMIT:-600}" "$1" 2>&1 | tee "$output" || status=$?
    read -r host_passed host_failed < <(counts_in "$output")
    [ "$status" -eq 0 ] || [ "$host_failed" -gt 0 ] || host_failed=1
    printf '%s: %d passed, %d failed, exit code %d\n' "$host" "$host_passed" "$host_failed" "$status" >&2
    add_counts "$host_passed" "$host_failed"
    rm -f "$output"
}

provide_hosts

found=
for host in "$tests"/*/run.sh; do
    case " ${HOSTS:-$(basename "$(dirname "$host")")} " in
        *" $(basename "$(dirname "$host")") "*) found=1 && run "$host" ;;
    esac
done
[ -n "$found" ] || add_counts 0 1
verdict
