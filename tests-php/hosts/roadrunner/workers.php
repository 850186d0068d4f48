<?php

// PHP processes behind pipes: they share builds, their wire stays clean, and RoadRunner can end them at any time.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/every_host.php';

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

test('one file configures RoadRunner and the builds of its workers', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $sections = "velox:\n  server_url: {$velox->url}\n  cache:\n    dir: ./binaries\n";
    $sandbox->unset('velox_server_url');
    $host = new RoadRunner($sandbox, ['sections' => $sections], ['pillion.config' => $sandbox->directory . '/.rr.yaml']);
    $built = $host->ask('build', name: 'one')['answer'];
    same(true, $built['good'] ?? null, show($built));
    same(realpath($sandbox->directory) . '/binaries', dirname($built['path'], 3));
});

every_host(fn (Sandbox $sandbox): RoadRunner => new RoadRunner($sandbox));
