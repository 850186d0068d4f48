#!/usr/bin/env bash
# Files, disks and clocks under living processes: full and read-only disks, removed directories, planted links and
# pipes, users that share, clocks that are set. PILLION_FILES=long: more of each.

. "$(dirname "$0")/../lib.sh"
needs PHP_NTS PHP_ZTS PILLION_SO PILLION_ZTS_SO PILLION_BIN FAKE_VELOX FAKE_SENTRY
here=$(dirname "$0")

TESTED_PHP=$PHP_NTS TESTED_SO=$PILLION_SO tests 'NTS' "$here"/{disks,envelopes,directories,symlink_attacks,users,clocks,machine,serve,slow_readers}.php
[ "${PILLION_FILES:-}" != long ] || TESTED_PHP=$PHP_ZTS TESTED_SO=$PILLION_ZTS_SO tests 'ZTS' "$here"/{disks,envelopes,directories,symlink_attacks,users,clocks,machine,serve,slow_readers}.php
verdict
