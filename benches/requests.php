<?php

declare(strict_types=1);

/**
 * Cost of the unused extension per request and per call of a PHP function. `php-cgi -T` runs a script repeatedly in one
 * process, each time from the start of a request to its end.
 */

require __DIR__ . '/support.php';

const REQUESTS = 15_000;
const CALLS = 3_000_000;

$empty = environment('BENCH_DIR') . '/empty.php';
file_put_contents($empty, '');
$calls = <<<'PHP'
    function nothing() {}
    for ($i = 0; $i < (int) $argv[1]; $i++) nothing();
    PHP;

// The time of additional requests only: the start and the end of the process itself cancel out.
$one = static function (callable $command, int $times): float {
    $spent = [];
    foreach ([$times, intdiv($times, 10)] as $count) {
        $started = processor_time(ofChildren: true);
        run($command($count));
        $spent[] = processor_time(ofChildren: true) - $started;
    }

    return ($spent[0] - $spent[1]) / ($times - intdiv($times, 10));
};
$cgi = static fn (array $extensions, array $settings): float => $one(
    static fn (int $count): array => ['sh', '-c', 'exec "$0" "$@" 2>/dev/null', 'php-cgi8.2', ...array_slice(php($extensions, $settings), 1), '-q', '-T', "$count", $empty],
    REQUESTS,
);
$cli = static fn (array $extensions, array $settings): float => $one(
    static fn (int $count): array => [...php($extensions, $settings), '-r', $calls, '--', "$count"],
    CALLS,
);

$places = places('requests');
    // The two of a round are compared with each other: a temporary slowdown of the machine affects both.
$added = static function (callable $measure) use ($places): array {
    $without = [];
    $samples = rounds(30, ['added' => static function () use ($measure, $places, &$without): float {
        $without[] = $measure([], []);

        return $measure(['pillion'], $places) - end($without);
    }]);

    return [$samples['added'], new Samples($without)];
};
foreach (['start and end of a request, extension idle' => [$cgi, 200], 'a call of a PHP function' => [$cli, 0]] as $what => [$measure, $most]) {
    [$difference, $without] = $added($measure);
    $decimals = $most === 0 ? 1 : 0;
    [$low, $high] = [$difference->at(0.25), $difference->at(0.75)];
    row(
        $what,
        sprintf('%+.*f ns (half of the rounds: %+.*f to %+.*f)', $decimals, $difference->median(), $decimals, $low, $decimals, $high),
        sprintf('PHP without it: %s ns', number_format($without->median(), $decimals)),
        '',
        $most === 0 ? '0 ns' : "≤ $most ns",
        // If nothing must be added, zero has to be in the measured range.
        [$most === 0 ? $low <= 0 : $difference->median() <= $most],
    );
}
