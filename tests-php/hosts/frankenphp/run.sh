#!/usr/bin/env bash
# FrankenPHP with worker threads: their shared state, and the effects of restarts, reloads and failing handlers.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PILLION_ZTS_SO FAKE_VELOX FAKE_SENTRY FRANKENPHP

tests 'FrankenPHP' "$(dirname "$0")"/{restart,threads,endings,opcache,scaled,sentry}.php
verdict
