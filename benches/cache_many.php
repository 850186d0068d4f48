<?php

declare(strict_types=1);

/**
 * `Pillion\Cache` with many keys against APCu and others, all in this process, in turns. The argument is the part:
 * `peers`, random keys of 20,000 beside yac and LMDB; `million`, 1,000,000 keys; `full`, 32 MB for several times as
 * much, where a miss stores the value. By Zipf's law, the n-th key is read 1/n times as often as the first.
 */

use Pillion\Cache;

require __DIR__ . '/support.php';

$text = str_repeat('x', 64);
$get = static function (array $keys): void {
    foreach ($keys as $key) {
        $found = Cache\get($key);
    }
};
$fetch = static function (array $keys): void {
    foreach ($keys as $key) {
        $found = apcu_fetch($key);
    }
};
mt_srand(1);
if ($argv[1] === 'full') {
    full();
    exit;
}
if ($argv[1] === 'million') {
    $keys = keys(1_000_000);
    foreach ($keys as $key) {
        Cache\set($key, $text, 3600);
        apcu_store($key, $text, 3600);
    }
    Cache\stats()['entries'] > 0.999 * count($keys) || throw new RuntimeException('too few keys are stored');
    $draws = [
        'random keys of 1,000,000' => static fn (): int => mt_rand(0, count($keys) - 1),
        "keys of 1,000,000 by Zipf's law" => static fn (): int => zipf(count($keys)),
    ];
    foreach ($draws as $name => $draw) {
        $read = [];
        for ($i = 0; $i < 200_000; ++$i) {
            $read[] = $keys[$draw()];
        }
        $samples = measured($read, 1, ['get' => $get, 'fetch' => $fetch]);
        compare("`Cache\get`, $name, 64 B", $samples['get'], '`apcu_fetch`', $samples['fetch'], 1.3);
    }
    exit;
}

$keys = keys(20_000);
$passes = ['get' => $get];
$names = [];
if (extension_loaded('yac')) {
    $yac = new Yac();
    $passes['yac'] = static function (array $keys) use ($yac): void {
        foreach ($keys as $key) {
            $found = $yac->get($key);
        }
    };
    $names['yac'] = 'yac ' . phpversion('yac');
}
if (extension_loaded('dba')) {
    $lmdb = dba_open(environment('BENCH_RUN_DIR') . '/lmdb', 'n', 'lmdb', 0o600, 64 << 20);
    $passes['lmdb'] = static function (array $keys) use ($lmdb): void {
        foreach ($keys as $key) {
            $found = dba_fetch($key, $lmdb);
        }
    };
    $names['lmdb'] = 'LMDB, `dba_fetch`';
}
foreach ($keys as $key) {
    Cache\set($key, $text, 3600);
    isset($yac) && $yac->set($key, $text);
    isset($lmdb) && dba_insert($key, $text, $lmdb);
}
shuffle($keys);
$samples = measured($keys, 5, $passes);
foreach ($names as $peer => $name) {
    compare('`Cache\get`, random keys of 20,000, 64 B', $samples['get'], $name, $samples[$peer], null);
}

/** @return list<string> */
function keys(int $count): array
{
    return array_map(static fn (int $n): string => "key:$n", range(0, $count - 1));
}

/** A position among so many, by Zipf's law. */
function zipf(int $count): int
{
    return (int) ($count ** (mt_rand() / (mt_getrandmax() + 1))) - 1;
}

/** Reads of keys for which there is too little memory. A value that is not found is stored. */
function full(): void
{
    $value = str_repeat('x', 1000);
    $keys = keys(300_000);
    $read = [];
    for ($i = 0; $i < 300_000; ++$i) {
        $read[] = $keys[zipf(count($keys))];
    }
    $caches = [
        'ours' => [Cache\get(...), static fn (string $key): bool => Cache\set($key, $value, 3600)],
        'APCu' => [apcu_fetch(...), static fn (string $key): bool => apcu_store($key, $value, 3600)],
    ];
    if (extension_loaded('yac')) {
        $yac = new Yac();
        $caches['yac'] = [$yac->get(...), static fn (string $key): bool => $yac->set($key, $value)];
    }
    $hits = [];
    $run = static function (string $name) use ($caches, $read, $value, &$hits): float {
        [$get, $set] = $caches[$name];
        $hits[$name] = 0;
        $started = processor_time();
        foreach ($read as $key) {
            if ($get($key) === $value) {
                ++$hits[$name];
            } else {
                $set($key);
            }
        }

        return (processor_time() - $started) / count($read);
    };
    $rounds = array_map(static fn (string $name): callable => static fn (): float => $run($name), array_combine(array_keys($caches), array_keys($caches)));
    $samples = rounds(5, $rounds);
    $share = static fn (string $name): string => sprintf('%.1f %% hits', 100 * $hits[$name] / count($read));
    foreach (array_diff(array_keys($caches), ['ours']) as $peer) {
        row(
            "keys of 300,000 by Zipf's law, 1 KB, in 32 MB; a miss stores the value",
            "{$samples['ours']->tell('ns')}; {$share('ours')}",
            "$peer: {$samples[$peer]->tell('ns')}; {$share($peer)}",
            times($samples[$peer]->median() / $samples['ours']->median()),
            '',
            [],
        );
    }
}
