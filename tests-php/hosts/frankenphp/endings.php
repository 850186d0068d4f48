<?php

// Requests that end abnormally, and threads that end while others continue.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** The ending of a request, and its HTTP status. */
const ENDINGS = ['exit' => 200, 'throw' => 500, 'fatal' => 500, 'memory' => 500];

foreach (ENDINGS as $ending => $status) {
    test("a build continues when its handler ends with: {$ending}", function (Sandbox $sandbox) use ($ending, $status): void {
        $velox = $sandbox->velox();
        $velox->delay(1);
        $host = new FrankenPhp($sandbox);
        same($status, Http::get($host->url($ending, name: $ending))['status'], 'status');
        // Its thread serves again.
        $answers = Http::many(array_fill(0, 8, $host->url('hello')), 8);
        same(array_fill(0, 8, 200), array_column($answers, 'status'));
        $found = eventually('the binary exists', fn (): ?array => $host->ask('find', name: $ending)['answer'], 10);
        same(true, $found['good']);
        same([1, 0], [$velox->counter('builds_finished'), $velox->counter('builds_cancelled')]);
    });
}

test('hundreds of abnormal endings leave no thread or descriptor, and little memory', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $host = new FrankenPhp($sandbox);
    $load = function (int $round) use ($host): void {
        $urls = [];
        for ($i = 0; $i < 200; $i++) {
            $urls[] = $host->url(['exit', 'build', 'throw', 'fatal', 'notified', 'hello', 'memory', 'submit'][$i % 8], name: "{$round} " . $i % 10);
        }
        shuffle($urls);
        foreach (Http::many($urls, 8, 60) as $i => $answer) {
            $path = parse_url($urls[$i], PHP_URL_PATH);
            same(ENDINGS[trim($path, '/')] ?? 200, $answer['status'], "{$path}: " . show($answer));
        }
    };
    $load(0);
    $load(1);
    $before = $host->settled();
    $memory = memory($host->pid);
    for ($round = 2; $round < 6; $round++) {
        $load($round);
    }
    $after = $host->settled();
    same($before['threads'], $after['threads'], 'threads');
    is_true($after['descriptors'] <= $before['descriptors'] + 3, show([$before, $after]));
    $grown = memory($host->pid) - $memory;
    is_true($grown < 24 * 1024, "{$grown} KiB more are resident");
    same(60, $velox->counter('builds_started'));
});

test('threads that end after some requests, beside others, take their inboxes along', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.05);
    $host = new FrankenPhp($sandbox, ['frankenphp' => 'max_requests 15']);
    $load = function (int $round) use ($host): array {
        $urls = [];
        for ($i = 0; $i < 400; $i++) {
            $urls[] = $host->url(['build', 'notified', 'find', 'submit'][$i % 4], name: "{$round} " . intdiv($i, 4) % 20);
        }

        return array_unique(array_column(array_map(Http::decode(...), Http::many($urls, 8, 60)), 'worker'));
    };
    $load(0);
    $before = $host->settled();
    $workers = [];
    for ($round = 1; $round < 5; $round++) {
        $workers = [...$workers, ...$load($round)];
    }
    is_true(count($workers) > 60, 'few threads have ended: ' . count($workers) . ' scripts have served');
    $after = $host->settled();
    same($before['threads'], $after['threads'], 'threads');
    is_true($after['descriptors'] <= $before['descriptors'] + 6, show([$before, $after]));
});

test('a thread that ends leaves its build to another one', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(2);
    $host = new FrankenPhp($sandbox, ['threads' => 2, 'frankenphp' => 'max_requests 3']);
    $host->ask('hold', name: 'held');
    $velox->awaitInFlight(1);
    Http::many(array_fill(0, 30, $host->url('hello')), 4);
    $outcome = $host->ask('build', name: 'held')['answer'];
    same(true, $outcome['good'] ?? null, show($outcome));
    same(1, $velox->counter('build_requests'));
});
