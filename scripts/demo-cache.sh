#!/usr/bin/env bash
# Shows the shared cache, from scratch: builds the extension and the program `pillion`, installs a Redis, and runs
# examples/cache.php. PILLION_SO, PILLION_BIN and REDIS, if set, are used instead.

. "$(dirname "$0")/lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"

"$PILLION_ROOT/scripts/setup.sh" base
export PILLION_PROFILE=${PILLION_PROFILE:-demo}
[ -n "${PILLION_SO:-}" ] || say 'building the extension'
PILLION_SO=${PILLION_SO:-$("$PILLION_ROOT/scripts/build.sh" nts)}
[ -n "${PILLION_BIN:-}" ] || say 'building the program'
PILLION_BIN=${PILLION_BIN:-$("$PILLION_ROOT/scripts/build.sh" pillion)}
REDIS=${REDIS:-$("$PILLION_ROOT/scripts/hosts/redis.sh")}
export PILLION_SO PILLION_BIN REDIS
use_php nts
own_directories
"$PHP" -d "extension=$PILLION_SO" -d pillion.log_level=warn "$PILLION_ROOT/examples/cache.php"
