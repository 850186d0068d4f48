#!/usr/bin/env bash
# The guides of docs/guides/worker-guides.md as printed, each on its real front server; files for containers are read.

. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
# shellcheck disable=SC2034
NGINX=$(command -v nginx || true)
needs NGINX PHP_NTS PHP_NTS_FPM PILLION_SO PILLION_ZTS_SO FRANKENPHP RR

TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO TESTED_FPM=$PHP_NTS_FPM tests 'guides' "$(dirname "$0")"/{test_guides,containers}.php
verdict
