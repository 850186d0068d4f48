#!/usr/bin/env bash
# RoadRunner, as our own build server builds it: two PHP workers behind pipes.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PILLION_SO FAKE_VELOX FAKE_SENTRY RR

TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO tests 'RoadRunner' "$(dirname "$0")"/{workers,stress}.php
verdict
