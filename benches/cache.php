<?php

declare(strict_types=1);

/**
 * `Cache\get` and `Cache\set` against APCu, both in this process, in turns. The cost of the loop is subtracted on both
 * sides.
 */

use Pillion\Cache;

require __DIR__ . '/support.php';

$array = [];
for ($i = 0; $i < 100; ++$i) {
    $array["key $i"] = $i % 3 === 0 ? "value $i" : $i;
}
$values = ['64 B' => str_repeat('x', 64), 'an array of 100' => $array, '64 KB' => str_repeat('x', 65_536)];
foreach ($values as $name => $value) {
    Cache\set('key', $value, 3600) || throw new RuntimeException('not stored');
    Cache\get('key') === $value || throw new RuntimeException('another value');
    apcu_store('key', $value);
    $keys = array_fill(0, 1000, 'key');
    $samples = measured($keys, $name === '64 B' ? 200 : 10, [
        'get' => static function (array $keys): void {
            foreach ($keys as $key) {
                $found = Cache\get($key);
            }
        },
        'fetch' => static function (array $keys): void {
            foreach ($keys as $key) {
                $found = apcu_fetch($key);
            }
        },
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
    compare("`Cache\get`, $name", $samples['get'], '`apcu_fetch`', $samples['fetch'], $name === '64 B' ? 1.3 : null);
    compare("`Cache\set`, $name", $samples['set'], '`apcu_store`', $samples['store'], 0.8);
}
$keys = array_map(static fn (int $n): string => "key:$n", range(0, 19_999));
foreach ($keys as $key) {
    Cache\set($key, $values['64 B'], 3600);
    apcu_store($key, $values['64 B']);
}
mt_srand(1);
shuffle($keys);
$samples = measured($keys, 5, [
    'get' => static function (array $keys): void {
        foreach ($keys as $key) {
            $found = Cache\get($key);
        }
    },
    'fetch' => static function (array $keys): void {
        foreach ($keys as $key) {
            $found = apcu_fetch($key);
        }
    },
]);
compare('`Cache\get`, random keys of 20,000, 64 B', $samples['get'], '`apcu_fetch`', $samples['fetch'], 1.3);

/**
 * Nanoseconds of one operation, the loop taken off.
 *
 * @param list<string> $keys
 * @param array<string, callable(list<string>): void> $passes
 * @return array<string, Samples>
 */
function measured(array $keys, int $repeats, array $passes): array
{
    $passes['loop'] = static function (array $keys): void {
        foreach ($keys as $key) {
            $found = $key;
        }
    };
    $time = static function (callable $pass) use ($keys, $repeats): float {
        $started = processor_time();
        for ($i = 0; $i < $repeats; ++$i) {
            $pass($keys);
        }

        return (processor_time() - $started) / $repeats / count($keys);
    };
    $samples = rounds(9, array_map(static fn (callable $pass): callable => static fn (): float => $time($pass), $passes));
    $loop = $samples['loop']->median();

    return array_map(static fn (Samples $of): Samples => $of->less($loop), $samples);
}

function compare(string $what, Samples $ours, string $peerName, Samples $peer, ?float $factor): void
{
    $faster = $peer->median() / $ours->median();
    $goal = $factor === null ? '' : "≥ $factor×";
    row($what, $ours->tell('ns'), "$peerName: {$peer->tell('ns')}", times($faster), $goal, $factor === null ? [] : [$faster >= $factor]);
}
