#!/usr/bin/env bash
# Do the stubs for IDEs equal the extension's declarations? Compares PHP's reflection of both, in both directions, and
# requires a doc comment on each declaration. `stubs-check.sh [nts|zts]`: the PHP to use.

. "$(dirname "$0")/lib.sh"

"$PILLION_ROOT/scripts/setup.sh" base
extension=$("$PILLION_ROOT/scripts/build.sh" "${1:-nts}")
use_php "${1:-nts}"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$PHP" -n -d "extension=$extension" "$PILLION_ROOT/scripts/stubs-check.php" >"$scratch/extension"
status=0
"$PHP" -n "$PILLION_ROOT/scripts/stubs-check.php" "$PILLION_ROOT/php-stubs" >"$scratch/stubs" || status=$?
# Otherwise two empty descriptions would be equal.
grep -q . "$scratch/extension" || die "the extension declares nothing"
diff --unified=0 --label 'php-stubs' --label 'the extension' "$scratch/stubs" "$scratch/extension" || status=1
exit "$status"
