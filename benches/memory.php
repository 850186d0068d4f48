<?php

declare(strict_types=1);

/**
 * Memory cost of the extension: loaded and unused, and with the runtime that a build starts. Differences to the same
 * PHP without it. Clean pages of the library's file are shared by all processes, so they are listed apart from the
 * private pages of each process.
 */

require __DIR__ . '/support.php';

$report = <<<'PHP'
    preg_match_all('~^(Rss|Private_Dirty):\s+(\d+) kB~m', file_get_contents('/proc/self/smaps_rollup'), $found);
    echo json_encode(array_combine($found[1], $found[2]));
    PHP;
$build = <<<'PHP'
    Pillion\Velox\build(['rr_version' => 'v2025.1.9', 'plugins' => [['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.3.' . getmypid()]]])->wait(60);

    PHP;

$places = places('memory') + ['pillion.velox_server_url' => environment('VELOX_URL')];
$values = [];
$measure = static function (string $name, array $command) use (&$values): float {
    foreach (json_decode(run($command), true) as $kind => $size) {
        $values["$name $kind"][] = $size / 1024;
    }

    return 0.0;
};
rounds(9, [
    'without' => static fn (): float => $measure('without', [...php(), '-r', $report]),
    'loaded' => static fn (): float => $measure('loaded', [...php(['pillion'], $places), '-r', $report]),
    'started' => static fn (): float => $measure('started', [...php(['pillion'], $places), '-r', $build . $report]),
]);

foreach (['loaded' => ['loaded and unused', 1], 'started' => ['its runtime started, a build made', 4]] as $name => [$what, $most]) {
    [$all, $own] = array_map(
        static fn (string $kind): Samples => (new Samples($values["$name $kind"]))->less((new Samples($values["without $kind"]))->median()),
        ['Rss', 'Private_Dirty'],
    );
    row(
        "memory of a process, $what",
        $own->tell('MB', 1) . ' of its own; with shared pages of the library ' . $all->tell('MB', 1),
        'PHP without it',
        '',
        "≤ $most MB",
        [$own->median() <= $most],
    );
}
