<?php

declare(strict_types=1);

/**
 * The cost of `Velox\build` for its caller: the time until the worker continues, with the build just begun. Each build
 * has another configuration, and the server answers at once; only the call is measured, and the first one of the
 * process, which opens and starts everything, separately.
 */

use Pillion\Velox;

require __DIR__ . '/support.php';

const BUILDS = 300;

$submit = static function (int $build, bool $wait): float {
    $request = [
        'rr_version' => 'v2025.1.9',
        'target_platform' => ['os' => 'linux', 'arch' => 'amd64'],
        'plugins' => array_map(
            static fn (string $name): array => ['module_name' => "github.com/roadrunner-server/$name/v5", 'tag' => "v5.1.$build"],
            ['logger', 'rpc', 'server', 'http'],
        ),
    ];
    if ($build === 0) {
        // Never a hit, for any number of calls.
        $request['plugins'][0]['tag'] = 'v5.1.' . 1_000_000 + getmypid();
    }
    $started = hrtime(true);
    $future = Velox\build($request);
    $took = hrtime(true) - $started;
    $wait && $future->wait(60);

    return $took / 1000;
};

$took = $submit(0, true);
if (($argv[1] ?? '') === 'first') {
    echo $took;
    exit;
}
$settings = array_filter(ini_get_all('pillion', false), static fn (?string $value): bool => $value !== null && $value !== '');
$first = rounds(9, ['first' => static fn (): float => (float) run([...php(['pillion'], $settings), __FILE__, 'first'])])['first'];

$shares = ['p50' => 0.5, 'p99' => 0.99];
$miss = $hit = array_fill_keys(array_keys($shares), []);
for ($round = 0; $round < 7; $round++) {
    $misses = $hits = [];
    for ($build = 1; $build <= BUILDS; $build++) {
        $misses[] = $submit($round * BUILDS + $build, true);
        $hits[] = $submit($round * BUILDS + $build, false);
    }
    foreach ($shares as $name => $share) {
        $miss[$name][] = (new Samples($misses))->at($share);
        $hit[$name][] = (new Samples($hits))->at($share);
    }
}
$tell = static fn (array $values): string => (new Samples($values))->tell('µs');

row('`Velox\build`, worker free again, p50', $tell($miss['p50']), "the Velox plugin's document: 20–50 ms", '', '', []);
row('the same, p99', $tell($miss['p99']), '', '', '≤ 100 µs', [(new Samples($miss['p99']))->median() <= 100]);
row('`Velox\build` of what is in the cache, p50 and p99', "{$tell($hit['p50'])}, {$tell($hit['p99'])}", '', '', '', []);
row('the first `Velox\build` of a process', $first->tell('µs'), '', '', '', []);
