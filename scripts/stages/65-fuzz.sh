#!/usr/bin/env bash
# Each fuzz target for a moment: all inputs of the repository, then new ones. `make fuzz` runs them for hours.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
cd "$PILLION_ROOT"

own_directories
# Not what the user's own runs have gathered: what a run starts from is what the repository has.
export FUZZ_GATHERED=$STATE_DIRECTORY/gathered

check 'formatting' cargo fmt --check --manifest-path fuzz/Cargo.toml
wanted=$(find fuzz/fuzz_targets -name '*.rs' | wc -l)
# A line for each that found nothing.
lines=$(scripts/fuzz.sh --seconds "${FUZZ_SECONDS:-1}") || true
printf '%s\n' "$lines"
held=$(grep -c . <<<"$lines") || true
add_counts "$held" $((wanted - held))
verdict
