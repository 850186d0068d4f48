<?php

// A process that uses the shared cache: random operations on a few keys, until its standard input ends or it is killed.
// Arguments: role, seed. Each value names its key and has a checksum, so that a foreign or torn one is detected.
//
// `life`: prints a line for each hundred operations, with the longest one in microseconds; `checker`: removes all
// values, and prints the counts; it checks before that keys work as ever.

declare(strict_types=1);

use Pillion\Cache;

[, $role, $seed] = $argv;
mt_srand((int) $seed);

function fail(string $seen): never
{
    echo "wrong $seen\n";
    exit(1);
}

function value(string $key): array
{
    $body = str_repeat(chr(mt_rand(97, 122)), mt_rand(0, 9) === 0 ? mt_rand(0, 60_000) : mt_rand(0, 900));

    return ['key' => $key, 'body' => $body, 'sum' => crc32($key . $body)];
}

function check(string $key, mixed $value): void
{
    if ($value !== null && ($value['key'] !== $key || $value['sum'] !== crc32($key . $value['body']))) {
        fail("value of $key: " . substr(json_encode($value), 0, 200));
    }
}

function operate(): void
{
    $key = 'key ' . mt_rand(0, 400);
    match (mt_rand(0, 12)) {
        0, 1, 2, 3 => check($key, Cache\get($key)),
        4, 5, 6 => Cache\set($key, value($key), mt_rand(0, 3) === 0 ? 0.02 : null, mt_rand(0, 1) === 0 ? ['tag ' . mt_rand(0, 9)] : []),
        7 => Cache\delete($key),
        8 => Cache\add($key, value($key)),
        9 => Cache\increment('n ' . mt_rand(0, 5)),
        10 => Cache\invalidate_tags(['tag ' . mt_rand(0, 9)]),
        11 => with_lock('lock ' . mt_rand(0, 3)),
        12 => produce('produced ' . mt_rand(0, 2), 0.01),
    };
}

/** Some producers take a while, some fail, some need another key. */
function produce(string $key, float $ttl): void
{
    try {
        check($key, Cache\remember($key, function () use ($key) {
            match (mt_rand(0, 9)) {
                0 => usleep(mt_rand(0, 3000)),
                1 => throw new DomainException($key),
                2 => produce('produced ' . mt_rand(0, 2), 0.01),
                default => null,
            };

            return value($key);
        }, $ttl, stale: mt_rand(0, 1) * 0.01));
    } catch (DomainException $exception) {
        if ($exception->getMessage() !== $key) {
            fail("exception of $key: {$exception->getMessage()}");
        }
    }
}

function with_lock(string $name): void
{
    $owner = Cache\lock($name, 30.0);
    if ($owner === null) {
        return;
    }
    if (Cache\lock_owner($name) !== $owner || !Cache\unlock($name, $owner)) {
        fail("owner of $name");
    }
}

if ($role === 'checker') {
    for ($i = 0; $i < 401; ++$i) {
        check("key $i", Cache\get("key $i"));
        $value = value("key $i");
        if (!Cache\set("key $i", $value) || Cache\get("key $i") !== $value) {
            fail("store of key $i");
        }
    }
    foreach (range(0, 3) as $i) {
        // A killed owner's lease goes on.
        Cache\unlock("lock $i", (string) Cache\lock_owner("lock $i"));
    }
    Cache\clear();
    foreach (range(0, 2) as $i) {
        // A killed producer's right ends here.
        produce("produced $i", 60);
    }
    Cache\clear();
    $stats = Cache\stats();
    if ($stats['memory_used'] !== 0) {
        fail("memory in use without entries: {$stats['memory_used']} bytes");
    }
    echo json_encode($stats), "\n";
    exit(0);
}
stream_set_blocking(STDIN, false);
for ($longest = 0; !feof(STDIN);) {
    for ($i = 0; $i < 100; ++$i) {
        $begun = hrtime(true);
        operate();
        $longest = max($longest, intdiv(hrtime(true) - $begun, 1000));
    }
    echo "operations $longest\n";
    $longest = 0;
    fgets(STDIN);
}
