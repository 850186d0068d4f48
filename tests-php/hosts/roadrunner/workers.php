<?php

// PHP processes behind pipes: they share builds, their wire stays clean, and RoadRunner can end them at any time.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

test('two workers that request one configuration at once cause one server request', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1);
    $host = new RoadRunner($sandbox);
    $answers = array_map(Http::decode(...), Http::many(array_fill(0, 2, $host->url('build', name: 'one')), 2));
    same(2, count(array_unique(array_column($answers, 'pid'))), 'workers that answered');
    same([true, true], array_column(array_column($answers, 'answer'), 'good'));
    same(1, count(array_unique(array_column(array_column($answers, 'answer'), 'sha256'))), 'binaries');
    same(1, $velox->counter('build_requests'));
});

test('a wire of standard input and output stays clean with all log output enabled', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [
        ['skip' => 3, 'times' => 2, 'answer' => ['kind' => 'error', 'message' => 'building plugins: no']],
        ['skip' => 2, 'times' => 2, 'answer' => ['kind' => 'raw', 'status' => 502, 'body' => 'Bad Gateway']],
    ]]);
    $host = new RoadRunner($sandbox, ini: ['pillion.log_level' => 'trace']);
    $urls = [];
    for ($i = 0; $i < 400; $i++) {
        $urls[] = $host->url(['build', 'find', 'notified', 'status', 'builds', 'submit', 'entries', 'hello'][$i % 8], name: 'wire ' . intdiv($i, 8) % 12);
    }
    $outcomes = array_map(fn (array $answer): mixed => Http::decode($answer)['answer'], Http::many($urls, 4, 60));
    is_true(count(array_filter($outcomes, fn (mixed $outcome): bool => ($outcome['good'] ?? false) === true)) > 50, 'few builds are good');
    $output = $host->process->errors() . $host->process->output();
    same(0, preg_match('/validation failed|CRC|unexpected|broken pipe/i', $output, $found), show($found));
});

test('a worker with lookups only has no thread of ours', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $host = new RoadRunner($sandbox);
    Http::many(array_fill(0, 40, $host->url('find', name: 'nothing')), 4);
    foreach ($host->workers() as $worker) {
        same(1, count(threads($worker)), 'threads');
    }
    // A worker that serves requests is one of the host's.
    $presences = glob($sandbox->setting('run_dir') . '/presence/*');
    is_true(count($presences) <= count($host->workers()), 'presences: ' . show($presences));
});

test('a waiting worker takes over the build of a killed worker', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 300]]]);
    $host = new RoadRunner($sandbox);
    $builder = $host->ask('submit', name: 'one')['pid'];
    $velox->awaitInFlight(1);
    $killed = null;
    $asked = microtime(true);
    // Enough requests for the other worker to get one.
    $answers = Http::many(array_fill(0, 2, $host->url('build', name: 'one')), 2, 30, function () use (&$killed, $asked, $builder): void {
        if ($killed === null && microtime(true) - $asked > 1) {
            posix_kill($builder, SIGKILL);
            $killed = microtime(true);
        }
    });
    is_true(microtime(true) - $killed < 6, 'it was taken over late');
    $good = array_filter($answers, fn (array $answer): bool => $answer['status'] === 200 && json_decode($answer['body'], true)['answer']['good'] === true);
    is_true(count($good) >= 1, show($answers));
    same(2, $velox->counter('build_requests'));
    eventually('two workers again', fn (): bool => count($host->workers()) === 2 && !in_array($builder, $host->workers(), true));
    same(true, $host->ask('build', name: 'two')['answer']['good'] ?? null);
});

test('a stop is quick with builds under way, and leaves nothing behind', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $host = new RoadRunner($sandbox);
    Http::many([$host->url('submit', name: 'one'), $host->url('submit', name: 'two')], 2);
    $velox->awaitInFlight(2);
    $workers = $host->workers();
    $began = microtime(true);
    $host->process->signal(SIGTERM);
    same(0, $host->process->wait(40));
    is_true(microtime(true) - $began < 5, sprintf('its end took %.1f s', microtime(true) - $began));
    same([], array_filter($workers, is_alive(...)), 'workers');
    $velox->awaitInFlight(0);
    same([], glob($sandbox->setting('run_dir') . '/presence/*'), 'presences');
});

test('a reset replaces workers during builds, and a waiting process gets its binary', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 100]]]);
    $host = new RoadRunner($sandbox);
    $host->ask('submit', name: 'wanted');
    $velox->awaitInFlight(1);
    $waiter = $sandbox->php('$build = Pillion\Velox\build(configuration("wanted")); report("asked"); report("outcome", outcome(fn () => $build->wait(20)));');
    $waiter->receive('asked');
    usleep(600_000);
    $before = $host->workers();
    $began = microtime(true);
    $host->reset();
    is_true(microtime(true) - $began < 8, sprintf('the reset took %.1f s', microtime(true) - $began));
    same(true, $waiter->receive('outcome')['good'] ?? null);
    same([], array_intersect($before, $host->workers()), 'workers that stayed');
    same(true, $host->ask('find', name: 'wanted')['answer']['good'] ?? null);
    same(2, $velox->counter('build_requests'));
});

test('workers that are replaced after some requests serve without a gap', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.05);
    $host = new RoadRunner($sandbox, ['pool' => 'max_jobs: 10']);
    $urls = [];
    for ($i = 0; $i < 200; $i++) {
        $urls[] = $host->url(['build', 'notified', 'find', 'submit'][$i % 4], name: 'round ' . intdiv($i, 4) % 20);
    }
    $answers = array_map(Http::decode(...), Http::many($urls, 4, 60));
    is_true(count(array_unique(array_column($answers, 'pid'))) > 8, 'few workers have served');
    $builds = array_filter($answers, fn (int $i): bool => $i % 4 < 2, ARRAY_FILTER_USE_KEY);
    same([], array_filter($builds, fn (array $answer): bool => ($answer['answer']['good'] ?? null) !== true));
    is_true(count(glob($sandbox->setting('run_dir') . '/presence/*')) <= 2, 'presences of the dead');
});

test('a worker that ends in a handler is replaced; a waiting process gets its build', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1.5);
    $host = new RoadRunner($sandbox);
    $waiting = [$host->url('exit', name: 'one'), $host->url('build', name: 'one')];
    $answers = Http::many($waiting, 2);
    same([200, true], [$answers[1]['status'], json_decode($answers[1]['body'], true)['answer']['good'] ?? $answers]);
    is_true($answers[0]['status'] >= 500, 'the request of the worker that ended: ' . show($answers[0]));
    eventually('two workers', fn (): bool => count($host->workers()) === 2);
});

test('one file configures RoadRunner and the builds of its workers', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $sections = "velox:\n  server_url: {$velox->url}\n  cache:\n    dir: ./binaries\n";
    $sandbox->unset('velox_server_url');
    $host = new RoadRunner($sandbox, ['sections' => $sections], ['pillion.config' => $sandbox->directory . '/.rr.yaml']);
    $built = $host->ask('build', name: 'one')['answer'];
    same(true, $built['good'] ?? null, show($built));
    same(realpath($sandbox->directory) . '/binaries', dirname($built['path'], 3));
});
