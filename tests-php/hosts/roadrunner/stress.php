<?php

// RoadRunner under load: workers killed, replaced, reset and ended for their time or their memory while builds are
// under way. Its wire stays clean all the time, and ended workers leave nothing behind.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Kills of the long test; the environment variable raises the number. */
define('KILLS', (int) (getenv('ROUNDS') ?: 30));

/** @return list<string> of all kinds of requests, for a few configurations */
function urls(RoadRunner $host, int $count, string $of): array
{
    $urls = [];
    for ($i = 0; $i < $count; $i++) {
        $urls[] = $host->url(['build', 'submit', 'find', 'notified', 'status', 'builds', 'entries', 'submit'][$i % 8], name: "{$of} " . random_int(0, 9), seconds: '25');
    }

    return $urls;
}

/**
 * Numbers of requests by outcome: a right answer, or RoadRunner's error that the worker has died.
 *
 * @param array<array{status: int, body: string, error: string}> $answers
 * @return array{good: int, lost: int}
 */
function judged(array $answers): array
{
    $counts = ['good' => 0, 'lost' => 0];
    foreach ($answers as $answer) {
        is_true(in_array($answer['status'], [200, 500, 0], true), show($answer));
        $outcome = $answer['status'] === 200 ? json_decode($answer['body'], true, flags: JSON_THROW_ON_ERROR)['answer'] : null;
        is_true(!isset($outcome['class']) && ($outcome['good'] ?? true), show($answer));
        $counts[$answer['status'] === 200 ? 'good' : 'lost']++;
    }

    return $counts;
}

/** RoadRunner's messages about a worker that wrote anything but frames. */
function wire_is_clean(RoadRunner $host): void
{
    $output = $host->process->errors() . $host->process->output();
    same(0, preg_match('/validation failed|CRC|unexpected frame|invalid header|panic/i', $output, $found), show($found));
}

/** Both workers serve, no work is under way, and after the end nothing is locked. */
function is_settled(Sandbox $sandbox, RoadRunner $host, FakeVelox $velox): void
{
    $velox->awaitInFlight(0);
    eventually('two workers', fn (): bool => count($host->workers()) === 2, 60);
    foreach (Http::many(array_fill(0, 8, $host->url('build', name: 'afterwards')), 2) as $answer) {
        same(true, Http::decode($answer)['answer']['good'] ?? null, show($answer));
    }
    eventually('no build is under way', fn (): bool => $host->ask('builds')['answer'] === [], 15);
    $host->ask('clean');
    eventually('dead processes have no presence file', fn (): bool => count(glob($sandbox->setting('run_dir') . '/presence/*')) <= 2, 25);
    wire_is_clean($host);
    $host->process->signal(SIGTERM);
    same(0, $host->process->wait(40));
    $sandbox->isLeftClean();
}

test(sprintf('workers killed under load, %d of them: all answers are right, no lock stays', KILLS), function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['delay_ms' => 100, 'size' => 4 << 20]);
    $host = new RoadRunner($sandbox);
    $killed = 0;
    $sum = ['good' => 0, 'lost' => 0];
    // Only workers that have served: RoadRunner waits long for a worker that dies before its handshake.
    $served = [];
    for ($round = 0; $killed < KILLS; $round++) {
        $at = microtime(true) + random_int(0, 100) / 1000;
        $answers = Http::many(urls($host, 16, "round {$round}"), 4, 60, function () use ($host, $at, &$killed, &$served): void {
            $workers = array_values(array_intersect($host->workers(), $served));
            if ($served !== [] && microtime(true) > $at && $workers !== []) {
                $killed += (int) posix_kill($workers[array_rand($workers)], SIGKILL);
                $served = [];
            }
        });
        foreach ($answers as $answer) {
            $served[] = json_decode($answer['body'], true)['pid'] ?? 0;
        }
        $counts = judged($answers);
        $sum = ['good' => $sum['good'] + $counts['good'], 'lost' => $sum['lost'] + $counts['lost']];
    }
    note(show(['killed' => $killed, 'requests' => $sum, 'builds' => $velox->counter('build_requests'), 'built' => $velox->counter('builds_finished')]));
    is_true($sum['lost'] <= 2 * $killed, 'more were lost than workers were killed: ' . show([$sum, $killed]));
    is_settled($sandbox, $host, $velox);
});

test('resets under load lose no request and leave nothing behind', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['delay_ms' => 100, 'size' => 1 << 20]);
    $host = new RoadRunner($sandbox);
    $resets = 0;
    $seconds = [];
    $sum = ['good' => 0, 'lost' => 0];
    for ($round = 0; $resets < KILLS / 5; $round++) {
        $next = microtime(true) + 0.05;
        $counts = judged(Http::many(urls($host, 150, "round {$round}"), 4, 60, function () use ($host, &$resets, &$next, &$seconds): void {
            if (microtime(true) > $next) {
                $began = microtime(true);
                $host->reset();
                $seconds[] = round(microtime(true) - $began, 3);
                $resets++;
                $next = microtime(true) + random_int(50, 200) / 1000;
            }
        }));
        $sum = ['good' => $sum['good'] + $counts['good'], 'lost' => $sum['lost'] + $counts['lost']];
    }
    note(show(['resets' => $resets, 'requests' => $sum, 'longest' => max($seconds)]));
    same(0, $sum['lost']);
    is_settled($sandbox, $host, $velox);
});

test('workers replaced for their memory, once a second, serve without a gap', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['delay_ms' => 50]);
    // Less than any worker has.
    $host = new RoadRunner($sandbox, ['pool' => "supervisor:\n      watch_tick: 1s\n      max_worker_memory: 1"]);
    $pids = [];
    $sum = ['good' => 0, 'lost' => 0];
    $until = microtime(true) + 5;
    for ($round = 0; microtime(true) < $until; $round++) {
        $answers = Http::many(urls($host, 100, "round {$round}"), 4, 60);
        $counts = judged($answers);
        $sum = ['good' => $sum['good'] + $counts['good'], 'lost' => $sum['lost'] + $counts['lost']];
        foreach ($answers as $answer) {
            $pids[json_decode($answer['body'], true)['pid'] ?? 0] = true;
        }
    }
    note(show(['workers' => count($pids), 'requests' => $sum]));
    same(0, $sum['lost']);
    is_true(count($pids) >= 6, 'workers that served: ' . count($pids));
    is_settled($sandbox, $host, $velox);
});

test('the workers of a killed RoadRunner end with their builds; the next start serves', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    for ($round = 0; $round < 4; $round++) {
        $velox->script(['delay_ms' => 300]);
        $host = new RoadRunner($sandbox);
        $workers = $host->workers();
        $at = microtime(true) + random_int(50, 500) / 1000;
        judged(Http::many(urls($host, 60, "round {$round}"), 4, 10, function () use ($host, $at): void {
            microtime(true) > $at && !$host->process->hasEnded() && $host->process->kill();
        }));
        $host->process->kill();
        eventually('its workers have ended', fn (): bool => array_filter($workers, is_alive(...)) === [], 30);
        wire_is_clean($host);
        $velox->awaitInFlight(0);
    }
    is_settled($sandbox, new RoadRunner($sandbox), $velox);
});
