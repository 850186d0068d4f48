#!/usr/bin/env bash
# The extension builds, loads into both PHPs, stays loaded (else its threads would run unmapped code), and contains no
# code that takes over the signals or children of PHP's process.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
cd "$PILLION_ROOT"

loads() {
    use_php "$1"
    "$PHP" -n -d "extension=$("$PILLION_ROOT/scripts/build.sh" "$1")" --ri pillion
}

stays_loaded() {
    readelf --dynamic "$("$PILLION_ROOT/scripts/build.sh" "$1")" | grep NODELETE
}

# Tokio's features `process` and `signal` both use this crate; the programs can have it, the extension must not.
leaves_signals_alone() {
    local tree
    tree=$(cargo tree --package pillion --edges normal --prefix none)
    ! grep '^signal-hook-registry ' <<<"$tree"
}

for php in nts zts; do
    check "the extension builds ($php)" "$PILLION_ROOT/scripts/build.sh" "$php"
    check "PHP loads it ($php)" loads "$php"
    check "it is never unloaded ($php)" stays_loaded "$php"
done
check 'it has no signal or process handling of Tokio' leaves_signals_alone
check 'the program pillion builds' "$PILLION_ROOT/scripts/build.sh" pillion
check 'the program fake-velox builds' "$PILLION_ROOT/scripts/build.sh" fake-velox
check 'the program fake-sentry builds' "$PILLION_ROOT/scripts/build.sh" fake-sentry
verdict
