#!/usr/bin/env bash
# Everything around the extension's Sentry: the bridge to sentry-php, the plugin calls, the program, a real server.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PHP_ZTS PILLION_SO PILLION_ZTS_SO PILLION_BIN FAKE_SENTRY BUGSINK
here=$(dirname "$0")

TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO tests 'NTS' "$here"/*.php
TESTED_PHP=$PHP_ZTS TESTED_SO=$PILLION_ZTS_SO tests 'ZTS' "$here"/bridge.php
verdict
