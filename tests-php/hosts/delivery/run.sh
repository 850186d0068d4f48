#!/usr/bin/env bash
# Delivery of binaries: each front server, configured as docs/guides/delivery.md prints it, and PHP alone.

. "$(dirname "$0")/../lib.sh"
PATH=$PATH:/usr/sbin
NGINX=$(command -v nginx || true)
export NGINX
needs NGINX PHP_NTS PHP_NTS_FPM PILLION_SO PILLION_ZTS_SO PILLION_BIN FAKE_VELOX FRANKENPHP RR
here=$(dirname "$0")

TESTED_PHP=$PHP_NTS TESTED_FPM=$PHP_NTS_FPM TESTED_SO=$PILLION_SO tests 'delivery' "$here"/{nginx,alone,frankenphp,roadrunner,examples}.php
verdict
