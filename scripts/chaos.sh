#!/usr/bin/env bash
# Runs the chaos tests: kills PHP processes and checks the survivors. `chaos.sh --help` lists the options; PHP, the
# extension, the program and FrankenPHP are found or built here.

. "$(dirname "$0")/lib.sh"
readonly scripts=$PILLION_ROOT/scripts

chaos=$("$scripts/build.sh" chaos)
extension=$("$scripts/build.sh" failpoints)
frankenphp=$("$scripts/hosts/frankenphp.sh")
zts=$("$scripts/build.sh" zts)
pillion=$("$scripts/build.sh" pillion)
use_php nts
exec "$chaos" --php "$PHP" --extension "$extension" --frankenphp "$frankenphp" --zts-extension "$zts" \
    --pillion "$pillion" "$@"
