<?php

// php-fpm under load, ended in every way while builds are under way, and started again on the same directories.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Ends of each kind; the environment variable raises the number. */
define('ENDS', (int) (getenv('ROUNDS') ?: 4));

/** @return list<array{string, array<string, string>}> all kinds of requests, for a few configurations */
function requests(int $count, string $of): array
{
    $requests = [];
    for ($i = 0; $i < $count; $i++) {
        $requests[] = [['build', 'submit', 'find', 'notified', 'status', 'later', 'builds', 'submit'][$i % 8], ['name' => "{$of} " . random_int(0, 9), 'seconds' => '25']];
    }

    return $requests;
}

/**
 * Numbers of requests by outcome. Every answer has to be right.
 *
 * @param array<array{status: int, body: string, error: string}> $answers
 * @return array{answered: int, 'not answered': int}
 */
function judged(array $answers): array
{
    $counts = ['answered' => 0, 'not answered' => 0];
    foreach ($answers as $answer) {
        $answer['status'] === 0 || same(200, $answer['status'], show($answer));
        $outcome = json_decode($answer['body'], true)['answer'] ?? null;
        is_true(!isset($outcome['class']), show($answer));
        is_true($outcome['good'] ?? true, show($answer));
        $counts[$answer['status'] === 0 ? 'not answered' : 'answered']++;
    }

    return $counts;
}

/** Kills all children of a master with one signal, as if the machine were short of memory. */
function killed_with_children(Fpm $host): void
{
    $workers = $host->workers();
    $host->process->signal(SIGKILL);
    array_map(fn (int $worker): bool => posix_kill($worker, SIGKILL), $workers);
}

$ends = [
    'SIGQUIT' => fn (Fpm $host) => $host->process->signal(SIGQUIT),
    'SIGTERM' => fn (Fpm $host) => $host->process->signal(SIGTERM),
    'SIGINT' => fn (Fpm $host) => $host->process->signal(SIGINT),
    'SIGKILL of master and children' => killed_with_children(...),
];

foreach ($ends as $end => $do) {
    test(sprintf('%d ends by %s under load leave no lock, file or build; the next start serves', ENDS, $end), function (Sandbox $sandbox) use ($do): void {
        $velox = $sandbox->velox();
        $velox->script(['delay_ms' => 150, 'size' => 4 << 20]);
        $sum = ['answered' => 0, 'not answered' => 0];
        $files = [];
        for ($round = 0; $round < ENDS; $round++) {
            $host = new Fpm($sandbox, ['www' => ['pm.max_children = 4']], name: "fpm {$round}");
            $workers = $host->workers();
            $at = microtime(true) + random_int(50, 600) / 1000;
            $ended = false;
            $counts = judged($host->many(requests(120, "round {$round}"), 8, 30, function () use ($host, $do, $at, &$ended): void {
                if (!$ended && microtime(true) > $at) {
                    $do($host);
                    $ended = true;
                }
            }));
            $ended || $do($host);
            $host->process->wait(20);
            eventually('its children have ended', fn (): bool => array_filter($workers, is_alive(...)) === []);
            foreach ($counts as $what => $count) {
                $sum[$what] += $count;
            }
            eventually('nothing is locked', fn (): bool => $sandbox->locked() === [], 15);
            $velox->awaitInFlight(0);
            // Slots of flights are created one by one, up to 256; partial files go with the next cleaning.
            $files[] = count(preg_grep('~\.(bin|json|tmp)$|/(flights|presence)/~', $sandbox->files(), PREG_GREP_INVERT));
        }
        $host = new Fpm($sandbox, name: 'afterwards');
        for ($i = 0; $i < 4; $i++) {
            same(true, $host->ask('build', name: "afterwards {$i}")['answer']['good'] ?? null);
        }
        $host->ask('clean');
        eventually('no build is under way', fn (): bool => $host->ask('builds')['answer'] === [], 15);
        eventually('dead processes have no presence file', fn (): bool => count(glob($sandbox->setting('run_dir') . '/presence/*')) <= 3, 15);
        note(show(['requests' => $sum, 'built' => $velox->counter('builds_finished'), 'files' => $files]));
        is_true(max($files) <= 13, 'files besides artifacts and slots: ' . show($files));
        $host->process->signal(SIGQUIT);
        $host->process->wait(20);
        $sandbox->isLeftClean();
    });
}

/** Remaining files after hundreds of deaths: those of living processes, and none that a dead one held. */
function is_settled(Sandbox $sandbox, Fpm $host, FakeVelox $velox, int $children): void
{
    $velox->awaitInFlight(0);
    $host->ask('clean');
    // A process that has submitted no job is no member of the host.
    for ($i = 0; $i < 3 * $children; $i++) {
        same(true, $host->ask('build', name: 'afterwards')['answer']['good'] ?? null);
    }
    eventually('no build is under way', fn (): bool => $host->ask('builds')['answer'] === [], 15);
    eventually('dead processes have no presence file', fn (): bool => count(glob($sandbox->setting('run_dir') . '/presence/*')) <= $children, 25);
    same(1, $host->master()['threads'], 'threads of the master');
    $host->process->signal(SIGQUIT);
    same(0, $host->process->wait(20));
    $sandbox->isLeftClean();
}

test(sprintf('children killed under load, %d of them: all answers are right, no lock stays', 10 * ENDS), function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['delay_ms' => 100, 'size' => 4 << 20]);
    $host = new Fpm($sandbox, ['www' => ['pm.max_children = 4']]);
    $killed = 0;
    $sum = ['answered' => 0, 'not answered' => 0];
    for ($round = 0; $killed < 10 * ENDS; $round++) {
        $next = microtime(true);
        $counts = judged($host->many(requests(200, "round {$round}"), 8, 30, function () use ($host, &$killed, &$next): void {
            $workers = $host->workers();
            if (microtime(true) > $next && $workers !== []) {
                $killed += (int) posix_kill($workers[array_rand($workers)], SIGKILL);
                $next = microtime(true) + random_int(5, 60) / 1000;
            }
        }));
        foreach ($counts as $what => $count) {
            $sum[$what] += $count;
        }
    }
    note(show(['killed' => $killed, 'requests' => $sum, 'builds' => $velox->counter('build_requests'), 'built' => $velox->counter('builds_finished')]));
    is_true($sum['not answered'] <= 2 * $killed, 'more were not answered than children were killed: ' . show([$sum, $killed]));
    is_settled($sandbox, $host, $velox, 4);
});

test(sprintf('%d reloads under load: all answers are right, no lock stays', 3 * ENDS), function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['delay_ms' => 100, 'size' => 1 << 20]);
    $host = new Fpm($sandbox, ['www' => ['pm.max_children = 4']], ['process_control_timeout = 20']);
    $reloads = 0;
    $sum = ['answered' => 0, 'not answered' => 0];
    for ($round = 0; $reloads < 3 * ENDS; $round++) {
        $next = microtime(true) + 0.1;
        $counts = judged($host->many(requests(200, "round {$round}"), 8, 30, function () use ($host, &$reloads, &$next): void {
            if (microtime(true) > $next) {
                $host->process->signal(SIGUSR2);
                $reloads++;
                $next = microtime(true) + random_int(200, 500) / 1000;
            }
        }));
        foreach ($counts as $what => $count) {
            $sum[$what] += $count;
        }
    }
    note(show(['reloads' => $reloads, 'requests' => $sum]));
    $host->awaitAnswer();
    is_settled($sandbox, $host, $velox, 4);
});

test('hundreds of requests, each with a new child, half of which leave a build behind', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['delay_ms' => 100, 'size' => 1 << 20]);
    $host = new Fpm($sandbox, ['www' => ['pm.max_children = 4', 'pm.max_requests = 1']]);
    $counts = judged($host->many(requests(50 * ENDS, 'fresh'), 8, 60));
    note(show(['requests' => $counts, 'builds' => $velox->counter('build_requests')]));
    same(0, $counts['not answered']);
    is_settled($sandbox, $host, $velox, 4);
});

test('children of a killed master finish their builds; the next master\'s join them', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 3000, 'times' => 1], ['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 100]]]);
    $first = new Fpm($sandbox, name: 'first');
    $orphans = $first->workers();
    $first->ask('submit', name: 'one');
    $velox->awaitInFlight(1);
    $first->process->kill();
    $second = new Fpm($sandbox, name: 'second');
    same($orphans, array_values(array_filter($orphans, is_alive(...))), 'orphans alive');
    $answer = $second->ask('build', name: 'one');
    same([true, 1], [$answer['answer']['good'] ?? $answer, $velox->counter('build_requests')]);
    // They serve as before, and when they end, waiting processes take over their builds.
    is_true(in_array($builder = $first->ask('submit', name: 'two')['pid'], $orphans, true), 'no orphan has answered');
    $velox->awaitInFlight(1);
    $answer = $second->many([['build', ['name' => 'two']]], 1, 30, function () use ($orphans, $velox): void {
        static $asked = null;
        $asked ??= microtime(true);
        microtime(true) - $asked > 1 && array_map(fn (int $orphan): bool => posix_kill($orphan, SIGTERM), $orphans);
    })[0];
    same(true, Http::decode($answer)['answer']['good'] ?? null, show($answer));
    same([false, 3], [is_alive($builder), $velox->counter('build_requests')]);
    is_settled($sandbox, $second, $velox, 3);
});
