#!/usr/bin/env bash
# Worker\loop(), one line for a worker script: under RoadRunner with the package's worker and with PSR-7, FrankenPHP,
# php-fpm and on the command line.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PHP_NTS_FPM PILLION_SO PILLION_ZTS_SO FRANKENPHP RR

TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO TESTED_FPM=$PHP_NTS_FPM tests 'loop' "$(dirname "$0")"/test_{roadrunner,others,psr7,wire}.php
verdict
