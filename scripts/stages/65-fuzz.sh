#!/usr/bin/env bash
# Runs each fuzz target for a moment: all inputs of the repository, then the same new ones every time, or random ones
# for `FUZZ_SECONDS`. `make fuzz` runs them for hours.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
cd "$PILLION_ROOT"

own_directories
# Without the inputs of the user's own runs: the stage starts from the repository's corpus only.
export FUZZ_GATHERED=$STATE_DIRECTORY/gathered

check 'formatting' cargo fmt --check --manifest-path fuzz/Cargo.toml
wanted=$(find fuzz/fuzz_targets -name '*.rs' | wc -l)
# One line per target without findings.
limit=(--runs 3000)
[ -z "${FUZZ_SECONDS:-}" ] || limit=(--seconds "$FUZZ_SECONDS")
lines=$(scripts/fuzz.sh "${limit[@]}") || true
printf '%s\n' "$lines"
held=$(grep -c . <<<"$lines") || true
add_counts "$held" $((wanted - held))
verdict
