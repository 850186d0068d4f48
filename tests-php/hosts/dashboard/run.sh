#!/usr/bin/env bash
# The dashboard of `pillion serve`, in a headless Chromium, on a busy host. `run.sh screenshots` writes docs/images/.

. "$(dirname "$0")/../lib.sh"
# shellcheck disable=SC2034
CHROMIUM=$(command -v chromium || true) CHROMEDRIVER=$(command -v chromedriver || true)
needs CHROMIUM CHROMEDRIVER PHP_NTS PILLION_SO PILLION_BIN FAKE_VELOX FAKE_SENTRY
here=$(dirname "$0")
export TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO

if [ "${1:-}" = screenshots ]; then
    exec "$PHP_NTS" "$here"/screenshots.php
fi
tests dashboard "$here"/{views,actions,more_actions}.php
verdict
