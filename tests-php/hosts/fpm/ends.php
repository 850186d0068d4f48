<?php

// Stops and reloads of php-fpm while builds are under way.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

const GRACEFUL = ['process_control_timeout = 8'];

test('a graceful stop lets a request finish its build before it ends', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(2);
    $host = new Fpm($sandbox, global: GRACEFUL);
    $stopped = false;
    $answer = $host->many([['build', ['name' => 'one']]], 1, 30, function () use ($host, $velox, &$stopped): void {
        if (!$stopped && $velox->counter('in_flight') === 1) {
            $host->process->signal(SIGQUIT);
            $stopped = true;
        }
    })[0];
    is_true($stopped, 'it was never stopped');
    same(true, Http::decode($answer)['answer']['good'] ?? null, show($answer));
    same(0, $host->process->wait(15));
    same([1, 0], [$velox->counter('builds_finished'), $velox->counter('builds_cancelled')]);
    same([], glob($sandbox->setting('run_dir') . '/presence/*'), 'presences');
});

test('a graceful stop is quick with builds without a waiting request', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $host = new Fpm($sandbox, global: GRACEFUL);
    $host->many(array_map(fn (int $i): array => ['submit', ['name' => "build {$i}"]], range(1, 3)), 3);
    $velox->awaitInFlight(3);
    $began = microtime(true);
    $host->process->signal(SIGQUIT);
    same(0, $host->process->wait(20));
    is_true(microtime(true) - $began < 5, sprintf('its end took %.1f s', microtime(true) - $began));
    $velox->awaitInFlight(0);
    same([], glob($sandbox->setting('run_dir') . '/presence/*'), 'presences');
});

test('a stop that is not graceful ends all processes at once', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $host = new Fpm($sandbox);
    $host->many(array_map(fn (int $i): array => ['submit', ['name' => "build {$i}"]], range(1, 3)), 3);
    $velox->awaitInFlight(3);
    $workers = $host->workers();
    $began = microtime(true);
    $host->process->signal(SIGTERM);
    same(0, $host->process->wait(20));
    is_true(microtime(true) - $began < 5, sprintf('its end took %.1f s', microtime(true) - $began));
    same([], array_filter($workers, is_alive(...)), 'children');
    $velox->awaitInFlight(0);
});

test('a reload lets a request finish its build, and serves with new children', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1.5);
    $host = new Fpm($sandbox, global: GRACEFUL);
    $before = $host->workers();
    $reloaded = false;
    $answer = $host->many([['build', ['name' => 'one']]], 1, 30, function () use ($host, $velox, &$reloaded): void {
        if (!$reloaded && $velox->counter('in_flight') === 1) {
            $host->process->signal(SIGUSR2);
            $reloaded = true;
        }
    })[0];
    same(true, Http::decode($answer)['answer']['good'] ?? null, show($answer));
    eventually('new children', fn (): bool => count($host->workers()) === 3 && array_intersect($before, $host->workers()) === []);
    same(true, $host->ask('find', name: 'one')['answer']['good'] ?? null);
    same(true, $host->ask('build', name: 'two')['answer']['good'] ?? null);
    same(1, $host->master()['threads'], 'threads of the master');
    same([2, 0], [$velox->counter('builds_finished'), $velox->counter('builds_cancelled')]);
});

test('ten reloads in a row with builds under way leave nothing behind', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $host = new Fpm($sandbox, global: GRACEFUL);
    for ($i = 0; $i < 10; $i++) {
        $host->ask('submit', name: "build {$i}");
        $before = $host->workers();
        $host->process->signal(SIGUSR2);
        eventually('new children', fn (): bool => count($host->workers()) === 3 && array_intersect($before, $host->workers()) === []);
        $host->awaitAnswer();
    }
    $velox->awaitInFlight(0);
    same(1, $host->master()['threads'], 'threads of the master');
    same([], glob($sandbox->setting('run_dir') . '/presence/*'), 'presences');
    $velox->delay(0);
    same(true, $host->ask('build', name: 'afterwards')['answer']['good'] ?? null);
});

test('a waiting child takes over the build of a killed child', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 300]]]);
    $host = new Fpm($sandbox);
    $builder = $host->ask('submit', name: 'one')['pid'];
    $velox->awaitInFlight(1);
    $killed = null;
    $asked = microtime(true);
    $answers = $host->many(array_fill(0, 3, ['build', ['name' => 'one']]), 3, 30, function () use (&$killed, $asked, $builder): void {
        if ($killed === null && microtime(true) - $asked > 1) {
            posix_kill($builder, SIGKILL);
            $killed = microtime(true);
        }
    });
    is_true(microtime(true) - $killed < 4, 'it was taken over late');
    $good = array_filter($answers, fn (array $answer): bool => $answer['status'] === 200 && json_decode($answer['body'], true)['answer']['good'] === true);
    is_true(count($good) >= 2, show($answers));
    same(2, $velox->counter('build_requests'));
});

test('a request over its time limit ends with its child, and its build is cancelled', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $host = new Fpm($sandbox, ['www' => ['request_terminate_timeout = 1s']]);
    $answer = $host->many([['build', ['name' => 'one', 'seconds' => '50']]], 1)[0];
    is_true($answer['status'] !== 200, show($answer));
    $velox->awaitInFlight(0);
    same('hello', $host->ask('hello')['answer']);
});
