#!/usr/bin/env bash
# The Rust tests of all crates without PHP.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
use_php nts
cd "$PILLION_ROOT"

own_directories
output=$STATE_DIRECTORY.output
trap 'rm -f "$output"; forget_directories' EXIT
readonly crates=(-p pillion-engine -p pillion-server -p pillion-cli -p pillion-fakes -p pillion-chaos)
# Compilation yields to other processes; tests, many of which measure time, do not.
status=0
nice cargo test --no-run --quiet "${crates[@]}" || true
bounded 1800 cargo test --no-fail-fast "${crates[@]}" 2>&1 | tee "$output" || status=$?
while read -r ok bad; do
    add_counts "$ok" "$bad"
done < <(sed -nE 's/^test result: [a-zA-Z]+\. ([0-9]+) passed; ([0-9]+) failed;.*/\1 \2/p' "$output")
# A test binary that doesn't compile, or crashes, prints no result.
[ "$status" -eq 0 ] || [ "$failed" -gt 0 ] || add_counts 0 1
[ "$passed" -gt 0 ] || [ "$failed" -gt 0 ] || add_counts 0 1
verdict
