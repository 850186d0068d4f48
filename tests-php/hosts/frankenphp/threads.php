<?php

// Four PHP threads in one process: one runtime, one build for one configuration, notifications for each thread's jobs.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

test('four threads that request one configuration at once cause one build', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1);
    $host = new FrankenPhp($sandbox);
    $answers = array_map(Http::decode(...), Http::many(array_fill(0, 4, $host->url('build', name: 'one')), 4));
    same(4, count(array_unique(array_column($answers, 'worker'))), 'threads that answered');
    same([true, true, true, true], array_column(array_column($answers, 'answer'), 'good'));
    same(1, count(array_unique(array_column(array_column($answers, 'answer'), 'sha256'))), 'binaries');
    same(1, $velox->counter('build_requests'));
});

test('a lookup in the index starts no thread, and one runtime serves all PHP threads', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $host = new FrankenPhp($sandbox);
    Http::many(array_fill(0, 20, $host->url('find')), 8);
    Http::many(array_fill(0, 4, $host->url('status')), 4);
    same([], our_threads($host->pid), 'threads before the first job');
    Http::many(array_map(fn (int $i): string => $host->url('build', name: "one {$i}"), range(1, 16)), 8);
    eventually('one worker thread, and that of the log', function () use ($host): bool {
        return in_array(our_threads($host->pid), [['pillion'], ['pillion', 'pillion-log']], true);
    }, 20);
    same(1, count(glob($sandbox->setting('run_dir') . '/presence/*')), 'presences');
});

test('the notifier of a thread wakes for the jobs of that thread', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => array_map(fn (int $i): array => [
        'when' => ['request_id' => "{$i}0000000-0000-4000-8000-000000000000"], 'delay_ms' => 250 * $i,
    ], range(1, 4))]);
    $host = new FrankenPhp($sandbox);
    for ($round = 0; $round < 3; $round++) {
        $urls = array_map(fn (int $i): string => $host->url('notified', name: "{$round} {$i}", request_id: "{$i}0000000-0000-4000-8000-000000000000"), range(1, 4));
        $outcomes = array_map(fn (array $answer): array => Http::decode($answer)['answer'], Http::many($urls, 4));
        same([true, true, true, true], array_column($outcomes, 'good'));
    }
});

test('a future kept beyond its request is usable in a later one', function (Sandbox $sandbox): void {
    $sandbox->velox()->delay(0.5);
    $host = new FrankenPhp($sandbox, ['threads' => 1]);
    $first = $host->ask('hold', name: 'kept');
    $second = $host->ask('held');
    same($first['worker'], $second['worker']);
    same([true], array_column($second['answer'], 'good'));
});

test('a binary built by FrankenPHP is found by a script on the command line', function (Sandbox $sandbox): void {
    $sandbox->velox();
    putenv('TESTED_PHP=' . getenv('PHP_NTS'));
    putenv('TESTED_SO=' . getenv('PILLION_SO'));
    $host = new FrankenPhp($sandbox);
    $built = $host->ask('build', name: 'shared')['answer'];
    $found = $sandbox->php('report("found", outcome(fn () => Pillion\Velox\find(configuration("shared"))));')->receive('found');
    same([$built['sha256'], 'HIT', true], [$found['sha256'], $found['status'], $found['good']]);
});

test('threads and scripts on the command line share one cache, also after a restart', function (Sandbox $sandbox): void {
    putenv('TESTED_PHP=' . getenv('PHP_NTS'));
    putenv('TESTED_SO=' . getenv('PILLION_SO'));
    $sandbox->set('apcu', '1');
    $host = new FrankenPhp($sandbox);
    $counted = array_map(Http::decode(...), Http::many(array_fill(0, 400, $host->url('count')), 8));
    $counts = array_column($counted, 'answer');
    sort($counts);
    same(range(1, 400), $counts);
    same(401, $sandbox->php('report("count", Pillion\Cache\increment("count"));')->receive('count'));
    same([1, true, '1', 14], $host->ask('apcu')['answer']);
    // The module apcu starts anew with PHP.
    $host->restart();
    $host->restart();
    same(402, $host->ask('count')['answer']);
    same([2, true, '1', 14], $host->ask('apcu')['answer']);
});

test('one of several threads produces a missing value, also after a request that ended in its producer', function (Sandbox $sandbox): void {
    $sandbox->set('cache_producer_timeout', '10m');
    $host = new FrankenPhp($sandbox);
    foreach (['exit', 'memory', 'value'] as $how) {
        $answers = Http::many(array_fill(0, $how === 'value' ? 8 : 1, $host->url('remember', key: 'key', how: $how)), 8);
    }
    same(array_fill(0, 8, ['value', 3]), array_column(array_map(Http::decode(...), $answers), 'answer'));
});

test('threads that FrankenPHP adds under load wait and are woken like the first ones', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1);
    $host = new FrankenPhp($sandbox, ['threads' => 2, 'frankenphp' => 'max_threads 12']);
    $workers = [];
    for ($round = 0; $round < 3; $round++) {
        $urls = array_map(fn (int $i): string => $host->url($i % 2 ? 'notified' : 'build', name: "{$round} " . $i % 4), range(1, 16));
        $answers = array_map(Http::decode(...), Http::many($urls, 16, 60));
        same(array_fill(0, 16, true), array_column(array_column($answers, 'answer'), 'good'));
        $workers = [...$workers, ...array_column($answers, 'worker')];
    }
    is_true(count(array_unique($workers)) > 2, 'no thread was added');
    same(12, $velox->counter('build_requests'));
});
