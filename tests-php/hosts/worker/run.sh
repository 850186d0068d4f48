#!/usr/bin/env bash
# Worker mode: one script of endings on FrankenPHP, RoadRunner, php-fpm, PHP's own server and the command line; each
# request of the application has to end once. WORKER_REQUESTS: the length of the mix on FrankenPHP (50,000).

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PHP_NTS_FPM PILLION_SO PILLION_ZTS_SO FRANKENPHP RR

TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO TESTED_FPM=$PHP_NTS_FPM tests 'worker mode' "$(dirname "$0")"/test_{random_endings,frankenphp,others,leaks}.php
verdict
