# shellcheck shell=bash
# Shared by the run.sh of every host; sourced first. Tests are PHP files that run on a plain PHP, without the
# extension: they start the host, and observe it from outside. Ends a script: `verdict`.
#
# `ONLY='part of a title' run.sh` runs single tests. TESTS_AT_ONCE files run beside each other, since they wait more
# than they compute.

PILLION_ROOT=${PILLION_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
. "$PILLION_ROOT/scripts/lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"

# needs NAME...: programs of scripts/provide.sh.
needs() {
    local name
    for name; do
        [ -e "${!name:-}" ] || die "$name names no file: '${!name:-}'; scripts/provide.sh provides it"
    done
}

# tests NAME FILE...: runs the tests of those files, each in its own process, and counts them. The environment names
# the programs under test.
tests() {
    local name=$1 file output index=0
    local -a outputs=()
    shift
    for file; do
        while [ "$(jobs -rp | wc -l)" -ge "${TESTS_AT_ONCE:-3}" ]; do
            wait -n || true
        done
        output=$(mktemp)
        outputs+=("$output")
        run_file "$file" >"$output" 2>&1 &
    done
    wait
    for file; do
        output=${outputs[index++]}
        say "$name: $(basename "$file" .php)"
        sed -E "/^PILLION-STAGE /d; s/^(ok|not ok) +/&$name: /" "$output"
        # shellcheck disable=SC2046
        add_counts $(counts_in "$output")
        rm -f "$output"
    done
}

# A file without results counts as one failure.
run_file() {
    local status=0
    bounded "${TESTS_LIMIT:-400}" "$PHP_NTS" "$1" || status=$?
    [ "$status" -eq 0 ] || printf '%s ended with exit code %d\n' "$1" "$status"
}
