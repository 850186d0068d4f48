#!/usr/bin/env bash
# Runs the torture kit: kills processes of PHP, and looks whether anybody else is hurt. `torture.sh --help` tells what can
# be asked for; PHP, the extension and FrankenPHP are found or built here.

. "$(dirname "$0")/lib.sh"
readonly scripts=$PILLION_ROOT/scripts

torture=$("$scripts/build.sh" torture)
extension=$("$scripts/build.sh" failpoints)
frankenphp=$("$scripts/hosts/frankenphp.sh")
zts=$("$scripts/build.sh" zts)
use_php nts
exec "$torture" --php "$PHP" --extension "$extension" --frankenphp "$frankenphp" --zts-extension "$zts" "$@"
