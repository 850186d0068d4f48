<?php

// Many writers of each key in object storage: PILLION_RACE_KEYS keys, 100 by default, since the storage itself takes
// minutes for 1,000. server/tests/gateway/writers.rs has 1,000 in a directory.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

const WRITERS = 32;

foreach (['presigned', 'gateway'] as $way) {
    test("of 32 writers of a key one wins and all others learn it, {$way}", function (Sandbox $sandbox) use ($way): void {
        $storage = new ObjectStorage($sandbox);
        $gateway = new Gateway($sandbox, $storage->environment());
        $keys = (int) (getenv('PILLION_RACE_KEYS') ?: 100);
        $race = python($sandbox, 'race', $gateway->url, (string) WRITERS, (string) $keys, $way);
        same([], $race['wrong']);
        same($keys, $race['statuses']['200']);
        same([], array_diff(array_map('strval', array_keys($race['statuses'])), ['200', '409', '412']), 'statuses');
        same(WRITERS * $keys, array_sum($race['statuses']));
    });
}
