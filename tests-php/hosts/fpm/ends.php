<?php

// Stops and reloads of php-fpm while builds are under way, and its children's envelopes.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/every_host.php';

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

test('a request over its time limit ends with its child, and its build is cancelled', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $host = new Fpm($sandbox, ['www' => ['request_terminate_timeout = 1s']]);
    $answer = $host->many([['build', ['name' => 'one', 'seconds' => '50']]], 1)[0];
    is_true($answer['status'] !== 200, show($answer));
    $velox->awaitInFlight(0);
    same('hello', $host->ask('hello')['answer']);
});

test('children that end after some requests leave nothing behind', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $host = new Fpm($sandbox, ['www' => ['pm.max_requests = 3']]);
    $answers = $host->many(array_map(fn (int $i): array => ['sentry', ['from' => (string) ($i * 50), 'count' => '50']], range(0, 39)), 3);
    $accepted = array_merge(...array_map(fn (array $answer): array => Http::decode($answer)['answer'], $answers));
    same(2000, count($accepted));
    $sentry->await($accepted);
    sort($accepted, SORT_STRING);
    same($accepted, $sentry->events());
    eventually('only outboxes of living processes', fn (): bool => count(glob($sandbox->setting('run_dir') . '/sentry/*.lock')) <= 3);
});

every_host(fn (Sandbox $sandbox, string $name): Fpm => new Fpm($sandbox, global: GRACEFUL, name: $name), ['SIGQUIT' => SIGQUIT, 'SIGTERM' => SIGTERM]);
