# shellcheck shell=bash
# What the run.sh of every host shares; sourced first. Tests are PHP files that a plain PHP runs, without the
# extension: they start the host, and look at it from outside. Ends a script: `verdict`.
#
# `ONLY='part of a title' run.sh` runs single tests.

PILLION_ROOT=${PILLION_ROOT:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
. "$PILLION_ROOT/scripts/lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"

# needs NAME...: what scripts/stages/50-hosts.sh provides.
needs() {
    local name
    for name; do
        [ -e "${!name:-}" ] || die "$name must name $([ -n "${!name:-}" ] && echo "a file that exists, not '${!name}'" || echo "a file; scripts/stages/50-hosts.sh does")"
    done
}

# tests NAME FILE...: runs the tests of those files, each in a process of its own, and counts them. What they are
# about is in the environment.
tests() {
    local name=$1 file counted status tests_passed tests_failed
    shift
    for file; do
        counted=$(mktemp) status=0
        say "$name: $(basename "$file" .php)"
        bounded "${TESTS_LIMIT:-300}" "$PHP_NTS" "$file" 2>&1 | sed "s/^\(ok \|not ok \) */&$name: /" | tee "$counted" | grep -v '^PILLION-STAGE' || status=$?
        read -r tests_passed tests_failed < <(counts_in "$counted")
        [ "$status" -eq 0 ] || [ "$tests_failed" -gt 0 ] || tests_failed=1
        add_counts "$tests_passed" "$tests_failed"
        rm -f "$counted"
    done
}
