#!/usr/bin/env bash
# Builds all that later stages share: every PHP, every host, the extension for each PHP, the programs. Whatever fails here
# fails once, and before anything else has taken time.

. "$(dirname "$0")/../lib.sh"
. "$PILLION_ROOT/scripts/checks.sh"
. "$PILLION_ROOT/scripts/provide.sh"

# The downloads first, for they are what fails.
provide PHP_ZTS path_of zts PHP
provide PHP_DEBUG path_of debug PHP
[ "$failed" -gt 0 ] || provide_hosts
verdict
