<?php

declare(strict_types=1);

/**
 * `Pillion\Cache` with a Redis behind it against phpredis, on one unix socket: keys that the first tier has not. Both
 * sides get values from JSON. The argument is the socket.
 */

use Pillion\Cache;

require __DIR__ . '/support.php';

const ROUNDS = 50;
const KEYS = 100;

$redis = new Redis();
$redis->connect($argv[1]);
$number = 0;
/** Keys that no tier of this host has read yet. */
$keys = static function () use ($redis, &$number): array {
    $values = [];
    for ($i = 0; $i < KEYS; ++$i, ++$number) {
        $values["key:$number"] = json_encode(['id' => $number, 'name' => str_repeat('x', 50)]);
    }
    $redis->mset($values);

    return array_keys($values);
};
$measured = static function (callable $read) use ($keys): float {
    $chosen = $keys();
    $started = hrtime(true);
    $values = $read($chosen);
    $microseconds = (hrtime(true) - $started) / 1000;
    count(array_filter((array) $values, is_array(...))) === KEYS || throw new RuntimeException('values are missing');

    return $microseconds;
};
$decoded = static fn (array $texts): array => array_map(static fn (string $text): array => json_decode($text, true), $texts);
$samples = rounds(ROUNDS, [
    'get_multiple' => static fn (): float => $measured(Cache\get_multiple(...)),
    'mget' => static fn (): float => $measured(static fn (array $keys): array => $decoded($redis->mget($keys))),
    'pipeline' => static fn (): float => $measured(static function (array $keys) use ($redis, $decoded): array {
        $pipeline = $redis->pipeline();
        foreach ($keys as $key) {
            $pipeline->get($key);
        }

        return $decoded($pipeline->exec());
    }),
    'get' => static fn (): float => $measured(static fn (array $keys): array => array_map(Cache\get(...), $keys)) / KEYS,
    'get of phpredis' => static fn (): float => $measured(static fn (array $keys): array => array_map(
        static fn (string $key): array => json_decode($redis->get($key), true),
        $keys,
    )) / KEYS,
    'fetch' => static function () use ($keys): float {
        $chosen = $keys();
        $started = hrtime(true);
        $future = Cache\fetch($chosen);
        $microseconds = (hrtime(true) - $started) / 1000;
        count($future->wait(1.0)) === KEYS || throw new RuntimeException('values are missing');

        return $microseconds;
    },
    'set' => static function () use ($keys): float {
        $chosen = $keys();
        $started = hrtime(true);
        foreach ($chosen as $key) {
            Cache\set($key, ['id' => 1, 'name' => 'name'], 60);
        }

        return (hrtime(true) - $started) / 1000 / KEYS;
    },
    'set of phpredis' => static function () use ($keys, $redis): float {
        $chosen = $keys();
        $started = hrtime(true);
        foreach ($chosen as $key) {
            $redis->set($key, json_encode(['id' => 1, 'name' => 'name']), 60);
        }

        return (hrtime(true) - $started) / 1000 / KEYS;
    },
]);
$peer = 'phpredis ' . phpversion('redis');
$compare = static function (string $what, string $ours, string $name, string $theirs, string $goal = '') use ($samples): void {
    $faster = $samples[$theirs]->median() / $samples[$ours]->median();
    row($what, $samples[$ours]->tell('µs', 1), "$name: {$samples[$theirs]->tell('µs', 1)}", times($faster), $goal, $goal === '' ? [] : [$faster >= 1.0]);
};
$compare('second tier: `Cache\get_multiple` of 100 keys', 'get_multiple', "$peer, a pipeline of `get`", 'pipeline', '≥ 1×');
$compare('the same', 'get_multiple', 'phpredis, `mget`', 'mget');
row('`Cache\fetch` of 100 keys, until the caller goes on', $samples['fetch']->tell('µs', 1), '', '', '', []);
$compare('second tier: `Cache\get` of one key', 'get', 'phpredis, `get`', 'get of phpredis');
$compare('second tier: `Cache\set`, written through', 'set', 'phpredis, `set`', 'set of phpredis');
