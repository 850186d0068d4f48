#!/usr/bin/env bash
# The stubs equal the extension's declarations, with both PHPs.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"

for php in nts zts; do
    check "the stubs are those of the extension ($php)" "$PILLION_ROOT/scripts/stubs-check.sh" "$php"
done
verdict
