#!/usr/bin/env bash
# Sends an error from PHP to a real Sentry server, from scratch: builds the extension, installs Bugsink, and runs
# examples/sentry.php. PILLION_SO and BUGSINK, if set, are used instead.

. "$(dirname "$0")/lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"

"$PILLION_ROOT/scripts/setup.sh" base test
export PILLION_PROFILE=${PILLION_PROFILE:-demo}
[ -n "${PILLION_SO:-}" ] || say 'building the extension'
PILLION_SO=${PILLION_SO:-$("$PILLION_ROOT/scripts/build.sh" nts)}
BUGSINK=${BUGSINK:-$("$PILLION_ROOT/scripts/hosts/bugsink.sh")}
export PILLION_SO BUGSINK
use_php nts
own_directories
"$PHP" -d "extension=$PILLION_SO" -d pillion.log_level=warn "$PILLION_ROOT/examples/sentry.php"
