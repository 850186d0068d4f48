<?php

declare(strict_types=1);

/**
 * `Pillion\Cache` against APCu, both in this process, in turns; the cost of the loop is subtracted on both sides. The
 * argument is the part: `repeated` keys, which level zero serves; `requests` of a server that are scripts of their own,
 * as in php-fpm; `random` keys with level zero; `first-tier`, without level zero; `full`, while all memory is in use
 * and another process writes.
 */

use Pillion\Cache;

if (PHP_SAPI === 'cli-server') {
    $started = hrtime(true);
    $found = $_GET['of'] === 'ours' ? Pillion\Cache\get('key') : apcu_fetch('key');
    $taken = hrtime(true) - $started;
    if (count($found ?: []) !== 100) {
        $_GET['of'] === 'ours' ? Cache\set('key', hundred()) : apcu_store('key', hundred());
    }
    echo $taken;
    exit;
}

require __DIR__ . '/support.php';

const KEYS = 20_000;
/** Settings of APCu and of Pillion give the part `full` 32 MB each: values of 1 KB, several times as many. */
const FULL_KEYS = 100_000;

$apcu = 'APCu ' . phpversion('apcu');
$text = str_repeat('x', 64);
$array = hundred();
$get = static function (array $keys): int {
    foreach ($keys as $key) {
        $found = Cache\get($key);
    }

    return count($keys);
};
$fetch = static function (array $keys): int {
    foreach ($keys as $key) {
        $found = apcu_fetch($key);
    }

    return count($keys);
};
$part = $argv[1];
if ($part === 'repeated') {
    foreach (['64 B' => $text, 'an array of 100' => $array, '64 KB' => str_repeat('x', 65_536)] as $name => $value) {
        Cache\set('key', $value, 3600) || throw new RuntimeException('not stored');
        Cache\get('key') === $value || throw new RuntimeException('another value');
        apcu_store('key', $value);
        $samples = measured(array_fill(0, 1000, 'key'), $name === '64 B' ? 200 : 10, [
            'get' => $get,
            'fetch' => $fetch,
            'set' => static function (array $keys) use ($value): void {
                foreach ($keys as $key) {
                    Cache\set($key, $value, 3600);
                }
            },
            'store' => static function (array $keys) use ($value): void {
                foreach ($keys as $key) {
                    apcu_store($key, $value, 3600);
                }
            },
        ]);
        [$most, $factor] = ['64 B' => [45, 1.3], 'an array of 100' => [60, 40], '64 KB' => [45, 20]][$name];
        compare("`Cache\get` of the same key, $name", $samples['get'], '`apcu_fetch`', $samples['fetch'], $factor, $most);
        compare("`Cache\set`, $name", $samples['set'], '`apcu_store`', $samples['store'], 0.8);
    }
    $keys = array_map(static fn (int $n): string => "key:$n", range(0, 31));
    foreach (['64 B' => [$text, 20], 'an array of 100 each' => [$array, 1]] as $name => [$value, $repeats]) {
        foreach ($keys as $key) {
            Cache\set($key, $value, 3600);
            apcu_store($key, $value);
        }
        $samples = measured(range(0, 99), $repeats, [
            'get' => static function (array $calls) use ($keys): void {
                foreach ($calls as $_) {
                    $found = Cache\get_multiple($keys);
                }
            },
            'fetch' => static function (array $calls) use ($keys): void {
                foreach ($calls as $_) {
                    $found = apcu_fetch($keys);
                }
            },
        ]);
        $what = "`Cache\get_multiple` of 32 keys, $name";
        compare($what, $samples['get'], '`apcu_fetch` of an array', $samples['fetch'], 5);
    }
    exit;
}
if ($part === 'requests') {
    requests();
    exit;
}
if ($part === 'full') {
    full();
    exit;
}

$keys = stored_keys($text);
$name = $part === 'random' ? 'random keys of 20,000, 64 B' : 'random keys of 20,000, 64 B, without level zero';
$samples = measured($keys, 5, ['get' => $get, 'fetch' => $fetch]);
compare("`Cache\get`, $name", $samples['get'], '`apcu_fetch`', $samples['fetch'], 1.3);
if ($part === 'random') {
    exit;
}

Cache\set('key', $text, 3600);
apcu_store('key', $text);
$samples = measured(array_fill(0, 1000, 'key'), 200, ['get' => $get, 'fetch' => $fetch]);
compare('`Cache\get` of the same key, 64 B, without level zero', $samples['get'], "`apcu_fetch`, $apcu", $samples['fetch'], 1.3);
$samples = measured(array_fill(0, 1000, 'none'), 200, ['get' => $get, 'fetch' => $fetch]);
compare('`Cache\get` of a key without a value', $samples['get'], '`apcu_fetch`', $samples['fetch'], null);

$mixed = static fn (callable $read, callable $write): callable => static function () use ($keys, $read, $write, $text): int {
    foreach (array_chunk($keys, 10) as $chunk) {
        $read($chunk);
        $write($chunk[0], $text);
    }

    return count($keys) / 10 * 11;
};
$passes = [
    'reads' => [static fn (): int => $get($keys), static fn (): int => $fetch($keys)],
    'reads and writes 10:1' => [
        $mixed($get, static fn (string $key, string $value): bool => Cache\set($key, $value, 3600)),
        $mixed($fetch, static fn (string $key, string $value): bool => apcu_store($key, $value, 3600)),
    ],
];
foreach ($passes as $kind => [$ours, $peer]) {
    $samples = rounds(5, [
        'ours 1' => static fn (): float => together(1, $ours),
        'peer 1' => static fn (): float => together(1, $peer),
        'ours 2' => static fn (): float => together(2, $ours),
        'peer 2' => static fn (): float => together(2, $peer),
    ]);
    $scaling = static fn (string $who): float => $samples["$who 2"]->median() / $samples["$who 1"]->median();
    $faster = $samples['ours 2']->median() / $samples['peer 2']->median();
    row(
        "$kind, two processes, without level zero",
        $samples['ours 2']->tell('M/s', 1),
        "APCu: {$samples['peer 2']->tell('M/s', 1)}",
        sprintf('%s; of one process: %s, APCu %s', times($faster), times($scaling('ours')), times($scaling('peer'))),
        $kind === 'reads' ? '≥ 1.8× of one' : '≥ 2×',
        [$kind === 'reads' ? $scaling('ours') >= 1.8 : $faster >= 2],
    );
}

/** An array of 100 elements. */
function hundred(): array
{
    $array = [];
    for ($i = 0; $i < 100; ++$i) {
        $array["key $i"] = $i % 3 === 0 ? "value $i" : $i;
    }

    return $array;
}

/** The first read in a request, of a process that has served others. */
function requests(): void
{
    $command = php(['apcu', 'pillion'], places('cache-requests'));
    $server = proc_open([...$command, '-S', '127.0.0.1:0', __FILE__], [2 => ['pipe', 'w']], $pipes);
    do {
        $line = (string) fgets($pipes[2]);
    } while ($line !== '' && !preg_match('~http://([\d.:]+)~', $line, $address));
    stream_set_blocking($pipes[2], false);
    $ask = static function (string $of) use ($address, $pipes): float {
        stream_get_contents($pipes[2]);

        return (float) file_get_contents("http://$address[1]/?of=$of");
    };
    $samples = rounds(500, ['get' => static fn (): float => $ask('ours'), 'fetch' => static fn (): float => $ask('peer')]);
    proc_terminate($server);
    compare('the first `Cache\get` in a request, an array of 100', $samples['get'], '`apcu_fetch`', $samples['fetch'], 3);
}

/**
 * Keys in random order, each with the value in both caches.
 *
 * @return list<string>
 */
function stored_keys(string $value): array
{
    $keys = array_map(static fn (int $n): string => "key:$n", range(0, KEYS - 1));
    foreach ($keys as $key) {
        Cache\set($key, $value, 3600);
        apcu_store($key, $value);
    }
    mt_srand(1);
    shuffle($keys);

    return $keys;
}

/** The slowest reads while all memory is in use and another process writes, against the same reads without a writer. */
function full(): void
{
    $value = str_repeat('x', 1000);
    $keys = array_map(static fn (int $n): string => "key:$n", range(0, FULL_KEYS - 1));
    $caches = [
        'ours' => [Cache\get(...), static fn (string $key): bool => Cache\set($key, $value, 3600)],
        'peer' => [apcu_fetch(...), static fn (string $key): bool => apcu_store($key, $value, 3600)],
    ];
    foreach ($caches as $who => [$read, $write]) {
        foreach ($keys as $key) {
            $write($key);
        }
        foreach (['idle', 'written'] as $state) {
            $writer = $state === 'written' ? pcntl_fork() : null;
            if ($writer === 0) {
                for ($n = 0; posix_getppid() !== 1; $n = ($n + 1) % FULL_KEYS) {
                    $write($keys[$n]);
                }
                exit;
            }
            $nanoseconds = [];
            mt_srand(1);
            for ($i = 0; $i < 300_000; ++$i) {
                $key = $keys[mt_rand(FULL_KEYS - 15_000, FULL_KEYS - 1)];
                $started = hrtime(true);
                $read($key);
                $nanoseconds[] = (float) (hrtime(true) - $started);
            }
            if ($writer !== null) {
                posix_kill($writer, SIGKILL);
                pcntl_wait($status);
            }
            $samples[$who][$state] = new Samples($nanoseconds);
        }
    }
    $p99 = static fn (string $who, string $state): float => $samples[$who][$state]->at(0.99);
    $slower = static fn (string $who): float => $p99($who, 'written') / $p99($who, 'idle');
    row(
        'p99 of `Cache\get` while the cache is full and a process writes',
        number_format($p99('ours', 'written')) . ' ns; p99.9 ' . number_format($samples['ours']['written']->at(0.999)) . ' ns',
        'APCu: ' . number_format($p99('peer', 'written')) . ' ns; p99.9 ' . number_format($samples['peer']['written']->at(0.999)) . ' ns',
        sprintf('%s of idle; APCu %s', times($slower('ours')), times($slower('peer'))),
        '≤ 2× of idle',
        [$slower('ours') <= 2],
    );
}
