#!/usr/bin/env bash
# Builds the products that later stages share: every PHP, every host, the extension for each PHP, the programs. A failed
# build fails once, and before other stages take time.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/provide.sh"

# The downloads first, because they are the likeliest to fail.
provide PHP_ZTS path_of zts PHP
provide PHP_DEBUG path_of debug PHP
[ "$failed" -gt 0 ] || provide_hosts
verdict
