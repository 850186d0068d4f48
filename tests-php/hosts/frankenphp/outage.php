<?php

// The outage of a restart, beside the same host without the extension: both run at once and alternate, so that other
// load of the machine affects both.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Restarts of each host. */
const TURNS = 40;
/** Longest accepted delay, in seconds. The promised limit is for an idle machine; here a multiple of it is checked. */
const PROMISED = 0.05;

/** Seconds of a restart, and of the longest answer meanwhile. */
function restart(FrankenPhp $host): array
{
    $restart = 0.0;
    $began = null;
    $longest = 0.0;
    for ($round = 0; $round < 3; $round++) {
        $asked = microtime(true);
        Http::many(array_fill(0, 6, $host->url('hello')), 6, 30, function () use ($host, $round, &$began, &$restart): void {
            if ($round === 1 && $began === null) {
                $began = microtime(true);
                $host->restart();
                $restart = microtime(true) - $began;
            }
        });
        $longest = max($longest, microtime(true) - $asked);
    }

    return [$restart, $longest];
}

/** @param list<float> $seconds */
function spread(array $seconds): string
{
    return sprintf('%.1f ms (%.1f–%.1f)', 1000 * median($seconds), 1000 * min($seconds), 1000 * max($seconds));
}

/** @param list<float> $values */
function median(array $values): float
{
    sort($values);

    return $values[intdiv(count($values), 2)];
}

test('a restart with builds in flight is hardly longer than without the extension', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(600);
    $hosts = [
        'without' => new FrankenPhp($sandbox, extension: false, name: 'control'),
        'idle' => new FrankenPhp($sandbox, name: 'idle'),
        'building' => new FrankenPhp($sandbox, name: 'building'),
    ];
    $restarts = $answers = $before = array_fill_keys(array_keys($hosts), []);
    for ($turn = 0; $turn < TURNS; $turn++) {
        for ($i = 0; $i < 3; $i++) {
            $hosts['building']->ask('submit', name: "{$turn} {$i}");
        }
        $velox->awaitInFlight(3);
        foreach ($hosts as $name => $host) {
            [$restarts[$name][], $answers[$name][]] = restart($host);
            // The first ones fill arenas and caches.
            $turn < TURNS / 4 && $before[$name] = memory($host->pid);
        }
        $velox->awaitInFlight(0);
    }
    $grown = [];
    foreach ($hosts as $name => $host) {
        $grown[$name] = memory($host->pid) - $before[$name];
        note(sprintf('%-10s restart %s, longest answer meanwhile %s, %d KiB more resident', $name, spread($restarts[$name]), spread($answers[$name]), $grown[$name]));
    }
    foreach (['idle', 'building'] as $name) {
        $longer = median($restarts[$name]) - median($restarts['without']);
        note(sprintf('%s: %.1f ms longer', $name, 1000 * $longer));
        is_true($longer < 5 * PROMISED, "{$name}: " . show($restarts));
        is_true($grown[$name] < $grown['without'] + 16 * 1024, 'KiB more resident: ' . show($grown));
    }
    same(3 * TURNS, $velox->counter('builds_cancelled'));
});
