#!/usr/bin/env bash
# php-fpm, of both PHPs: state shared by its children, the clean master, and every way to end php-fpm.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PHP_NTS_FPM PHP_ZTS PHP_ZTS_FPM PILLION_SO PILLION_ZTS_SO FAKE_VELOX FAKE_SENTRY
here=$(dirname "$0")

TESTED_PHP=$PHP_NTS TESTED_FPM=$PHP_NTS_FPM TESTED_SO=$PILLION_SO tests 'php-fpm NTS' "$here"/{stress,pools,master,ends}.php
TESTED_PHP=$PHP_ZTS TESTED_FPM=$PHP_ZTS_FPM TESTED_SO=$PILLION_ZTS_SO ROUNDS=${ROUNDS:-2} tests 'php-fpm ZTS' "$here"/{stress,pools,master,ends}.php
verdict
