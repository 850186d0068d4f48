<?php

declare(strict_types=1);

/**
 * The cost of a request in a loop of one process, from its beginning to its end: plain, with reset hooks, with each
 * level of the leak check; and the cost of a call of a PHP function and of a page in a process that RoadRunner has
 * started. Processor time of whole processes, minus that of a tenth of the work, so that start and end cancel out.
 */

require __DIR__ . '/support.php';

const ROUNDS = 20;

$empty = <<<'PHP'
    for ($i = 0; $i < (int) $argv[2]; $i++) Pillion\Worker\on_reset(static function () {});
    for ($i = 0; $i < (int) $argv[1]; $i++) { Pillion\Worker\request_begin(); Pillion\Worker\request_end(); }
    PHP;
$loop = <<<'PHP'
    for ($i = 0; $i < (int) $argv[1]; $i++) { gc_enabled(); gc_enabled(); }
    PHP;
$calls = <<<'PHP'
    function nothing() {}
    for ($i = 0; $i < (int) $argv[1]; $i++) nothing();
    PHP;
// The small application of the tests: a router, templates, a file of notes.
$application = sprintf(<<<'PHP'
    $kernel = (require %s)($argv[2]);
    for ($i = 0; $i < (int) $argv[1]; $i++) {
        Pillion\Worker\request_begin();
        $kernel->handle('GET', '/');
        Pillion\Worker\request_end();
    }
    PHP, var_export(dirname(__DIR__) . '/tests-php/fixtures/notes/application.php', true));

// Eight of its pages simulate one of a framework, in a loop around RoadRunner's worker that reads frames from memory.
$roadrunner = sprintf(<<<'PHP'
    require %s;
    use Pillion\Bridge\RoadRunner\Message;
    use Spiral\Goridge\StreamRelay;
    $kernel = (require %s)($argv[2]);
    $wire = fopen('php://memory', 'w+');
    $headers = ['Host' => ['localhost'], 'User-Agent' => ['bench'], 'Accept' => ['text/html'], 'Cookie' => ['sid=0123456789abcdef'], 'X-Request-Id' => ['0123456789abcdef']];
    $request = Message::bytes(3, 'GET') . Message::bytes(4, 'http://localhost/') . Message::lists(5, $headers);
    for ($i = 0; $i < (int) $argv[1]; $i++) (new StreamRelay($wire, $wire))->send(0x80, $request);
    (new StreamRelay($wire, $wire))->send(1, '', '{"stop":true}');
    rewind($wire);
    $worker = new Spiral\RoadRunner\Http\HttpWorker(new Spiral\RoadRunner\Worker(new StreamRelay($wire, fopen('/dev/null', 'w'))));
    while ($worker->waitRequest()) {
        for ($i = 0; $i < 8; $i++) $page = $kernel->handle('GET', '/');
        $worker->respond(200, json_encode($page));
    }
    PHP, var_export(dirname(__DIR__) . '/tests-php/hosts/lib/spiral.php', true), var_export(dirname(__DIR__) . '/tests-php/fixtures/notes/application.php', true));

/** Nanoseconds per iteration. */
$cost = static function (array $command, int $times, string $argument = ''): float {
    $spent = [];
    foreach ([$times, intdiv($times, 10)] as $count) {
        $started = processor_time(ofChildren: true);
        run([...$command, '--', "$count", $argument]);
        $spent[] = processor_time(ofChildren: true) - $started;
    }

    return ($spent[0] - $spent[1]) / ($times - intdiv($times, 10));
};
$places = places('worker');
$with = static fn (string $code, array $settings = []): array => [...php(['pillion'], $settings + $places), '-r', $code];
$without = static fn (string $code): array => [...php(), '-r', $code];

$measured = rounds(ROUNDS, [
    'loop' => static fn (): float => $cost($without($loop), 1_000_000),
    'empty' => static fn (): float => $cost($with($empty), 500_000, '0'),
    'one' => static fn (): float => $cost($with($empty), 300_000, '1'),
    'twenty' => static fn (): float => $cost($with($empty), 60_000, '20'),
]);
$own = $measured['loop']->median();
$row = static function (string $what, Samples $samples, array $goal = []) use ($own): void {
    $left = $samples->less($own);
    row($what, $left->tell('ns'), 'the loop and two calls: ' . number_format($own) . ' ns, taken off', '', $goal === [] ? '' : "≤ $goal[0] ns", $goal === [] ? [] : [$left->median() <= $goal[0]]);
};
$row('request_begin() and request_end(), a loop that does nothing else', $measured['empty'], [200]);
$row('the same with 1 reset hook', $measured['one']);
$row('the same with 20 reset hooks', $measured['twenty']);

$notes = $places['pillion.state_dir'];
$levels = ['off' => 2000, 'sample:100' => 2000, 'on' => 1000];
$measured = rounds(8, array_map(
    static fn (string $level, int $times): callable => static fn (): float => $cost($with($application, ['pillion.worker_leak_check' => $level, 'pillion.log_level' => 'error']), $times, $notes),
    array_combine(array_keys($levels), array_keys($levels)),
    $levels,
));
$measured = array_combine(array_keys($levels), $measured);
foreach (['sample:100', 'on'] as $level) {
    $added = ($measured[$level]->median() - $measured['off']->median()) / 1e3;
    row("leak check `$level`, a request of a small application", sprintf('%+.1f µs', $added), sprintf('the request with it off: %.1f µs', $measured['off']->median() / 1e3), '', '', []);
}

// Typical state of a framework between requests, and a page of half a million instructions, like one of Symfony.
$framework = sprintf(<<<'PHP'
    $kernel = (require %s)(400, 12);
    for ($i = 0; $i < (int) $argv[1]; $i++) {
        Pillion\Worker\request_begin();
        $response = $kernel->handle(new Framework\Message(['/', '/blog', '/blog/1', '/users/1'][$i %% 4], ['host' => 'localhost']));
        Pillion\Worker\request_end();
        gc_collect_cycles();
    }
    PHP, var_export(dirname(__DIR__) . '/tests-php/fixtures/framework/application.php', true));
$goals = ['sample:1000' => 0.98, 'on' => 0.5];
$off = $ratios = [];
foreach (array_keys($goals) as $level) {
    $ratios[$level] = static function () use ($cost, $with, $framework, $level, &$off): float {
        // The two of a round are compared with each other.
        $off[] = $cost($with($framework, ['pillion.log_level' => 'error']), 8000);

        return end($off) / $cost($with($framework, ['pillion.worker_leak_check' => $level, 'pillion.log_level' => 'error']), 8000);
    };
}
$measured = rounds(8, $ratios);
foreach ($goals as $level => $goal) {
    $samples = $measured[$level];
    row(
        "leak check `$level`, requests of a page of a framework",
        sprintf('%.2f× (half of the rounds: %.2f to %.2f)', $samples->median(), $samples->at(0.25), $samples->at(0.75)),
        sprintf('the request with it off: %.1f µs', (new Samples($off))->median() / 1e3),
        '',
        sprintf('≥ %.2f×', $goal),
        [$samples->at(0.75) >= $goal],
    );
}

$added = static function (array $environment) use ($cost, $with, $without, $calls): array {
    foreach ($environment as $name => $value) {
        putenv("$name=$value");
    }
    $bare = [];
    $samples = rounds(ROUNDS, ['added' => static function () use ($cost, $with, $without, $calls, &$bare): float {
        $bare[] = $cost($without($calls), 3_000_000);

        return $cost($with($calls), 3_000_000) - end($bare);
    }]);
    foreach (array_keys($environment) as $name) {
        putenv($name);
    }

    return [$samples['added'], new Samples($bare)];
};
foreach (['outside RoadRunner' => [], 'in a worker of RoadRunner' => ['RR_MODE' => 'http']] as $where => $environment) {
    [$difference, $bare] = $added($environment);
    row(
        "a call of a PHP function $where",
        sprintf('%+.1f ns (half of the rounds: %+.1f to %+.1f)', $difference->median(), $difference->at(0.25), $difference->at(0.75)),
        sprintf('PHP without it: %.1f ns', $bare->median()),
        '',
        '0 ns',
        [$difference->at(0.25) <= 0],
    );
}
putenv('RR_MODE=http');
$bare = [];
['part' => $part] = rounds(ROUNDS, ['part' => static function () use ($cost, $with, $without, $roadrunner, $notes, &$bare): float {
    $bare[] = $cost($without($roadrunner), 3000, $notes);

    return ($cost($with($roadrunner), 3000, $notes) / end($bare) - 1) * 100;
}]);
putenv('RR_MODE');
row(
    'a page of a small framework in a worker of RoadRunner, extension idle',
    sprintf('%+.1f %% (half of the rounds: %+.1f to %+.1f)', $part->median(), $part->at(0.25), $part->at(0.75)),
    sprintf('PHP without it: %.1f µs', (new Samples($bare))->median() / 1e3),
    '',
    '≤ 1 %',
    [$part->at(0.25) <= 1],
);
