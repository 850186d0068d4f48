#!/usr/bin/env bash
# The command line: forks, ends, resources, many processes at once, the shared cache and the server behind it. All of
# it on PHP without threads and on PHP with them.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PHP_ZTS PILLION_SO PILLION_ZTS_SO PILLION_BIN FAKE_VELOX FAKE_SENTRY FAKE_REDIS PROMETHEUS PROMETHEUS_CLIENT REDIS VALKEY
here=$(dirname "$0")

TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO tests 'NTS' "$here"/*.php
TESTED_PHP=$PHP_ZTS TESTED_SO=$PILLION_ZTS_SO ROUNDS=${ROUNDS:-10} tests 'ZTS' "$here"/*.php
verdict
