<?php

declare(strict_types=1);

/**
 * The first lookup of a process among 10,000 artifacts, against a client of the Velox plugin's `index.json`, which has
 * to read and decode it. Each lookup has its own process.
 */

require __DIR__ . '/support.php';

const ENTRIES = 10_000;

$places = places('cold_lookup');
fill($places, ENTRIES, 16_384, 'disk');
$index = $places['pillion.velox_cache_dir'] . '/index.json';

$ours = <<<'PHP'
    $started = hrtime(true);
    $found = Pillion\Velox\find($argv[1]);
    $took = hrtime(true) - $started;
    $found?->key === $argv[1] || throw new RuntimeException('not found');
    // The mappings of the index: their size, and the resident part.
    preg_match_all('~^\S+ \S+ \S+ \S+ \S+ +' . preg_quote(ini_get('pillion.run_dir')) . '/.*\nSize: +(\d+) kB\n(?:.*\n)*?Rss: +(\d+) kB~m', file_get_contents('/proc/self/smaps'), $maps);
    echo json_encode([$took, array_sum($maps[1]) / 1024, array_sum($maps[2]) / 1024]);
    PHP;
$peer = <<<'PHP'
    $started = hrtime(true);
    $found = json_decode(file_get_contents($argv[2]), true)['entries'][$argv[1]];
    $took = hrtime(true) - $started;
    isset($found['file_path']) || throw new RuntimeException('not found');
    echo json_encode([$took, memory_get_peak_usage() / 1048576]);
    PHP;

$memory = [];
$number = 0;
$measure = static function (array $command, string $name) use (&$memory, &$number, $index): float {
    [$took, $memory[$name]] = json_decode(run([...$command, '--', fixture_key($number++ * 37 % ENTRIES), $index]), true);

    return $took / 1000;
};
$samples = rounds(15, [
    'ours' => static fn (): float => $measure([...php(['pillion'], $places), '-r', $ours], 'ours'),
    'peer' => static fn (): float => $measure([...php(), '-r', $peer], 'peer'),
]);

$faster = $samples['peer']->median() / $samples['ours']->median();
row(
    'the first lookup of a process, 10,000 entries',
    $samples['ours']->tell('µs'),
    '`index.json` read and decoded: ' . $samples['peer']->tell('µs'),
    times($faster) . ' faster',
    '≥ 100× faster',
    [$faster >= 100],
);
row(
    'its memory',
    sprintf('%.1f MB mapped, shared by all', $memory['ours']),
    sprintf('%.1f MB of PHP heap in each process', $memory['peer']),
    times($memory['peer'] / $memory['ours']) . ' less',
    '≤ 2 MB, shared',
    [$memory['ours'] <= 2],
);
