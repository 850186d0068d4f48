<?php

// RoadRunner, configured as the guide prints it: its plugin `send` answers a plain GET of a cached binary.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

function behind_roadrunner(Sandbox $sandbox, bool $hasServer = true, string $server = 'https://builds.example'): RoadRunner
{
    $sandbox->velox();
    foreach (parse_ini_string(block('ini', 'RoadRunner'), scanner_mode: INI_SCANNER_RAW) as $name => $value) {
        !$hasServer && str_ends_with($name, '_url') || $sandbox->set(substr($name, strlen('pillion.')), str_replace('https://builds.example', $server, $value));
    }

    return new RoadRunner($sandbox, ['http' => trim(block('yaml', 'RoadRunner')), 'script' => __DIR__ . '/app.php']);
}

test('RoadRunner sends a cached binary to a plain GET', function (Sandbox $sandbox): void {
    $host = behind_roadrunner($sandbox);
    $expected = file_get_contents(json_decode(ask($host->url('build'))['body'], true)['path']);
    $answer = ask($host->url('respond'));
    same([200, true], [$answer['status'], $answer['body'] === $expected], show($answer['headers']));
    same(['attachment; filename="roadrunner-linux-amd64"', (string) strlen($expected), '"' . hash('sha256', $expected) . '"', 'HIT', 'application/octet-stream'], array_map(
        static fn (string $name): ?string => $answer['headers'][$name] ?? null,
        ['content-disposition', 'content-length', 'etag', 'x-cache-status', 'content-type'],
    ));
    is_true(!isset($answer['headers']['x-sendfile']), 'the path stays inside');
    same([200, '', (string) strlen($expected)], [($head = ask($host->url('respond'), method: 'HEAD'))['status'], $head['body'], $head['headers']['content-length'] ?? null]);
    $lock = $sandbox->lockOfServer();
    // The plugin would ignore each of these.
    foreach ([['Range: bytes=1-2'], ['If-None-Match: "x"'], ['If-Range: "x"', 'Range: bytes=0-0']] as $headers) {
        $answer = ask($host->url('respond'), $headers);
        same(303, $answer['status'], show($answer));
        is_true(str_starts_with($answer['headers']['location'], 'https://builds.example/delivery/'), show($answer));
    }
    same(303, ask($host->url('respond'), method: 'POST', body: '{}')['status']);
    same(303, ask($host->url('respond', name: 'miss'))['status']);
    fclose($lock);
});

test('without pillion serve, PHP answers for RoadRunner itself', function (Sandbox $sandbox): void {
    $host = behind_roadrunner($sandbox, false);
    $expected = file_get_contents(json_decode(ask($host->url('build'))['body'], true)['path']);
    same($expected, ask($host->url('respond'))['body']);
    $answer = ask($host->url('respond'), ['Range: bytes=1-2']);
    same([200, true], [$answer['status'], $answer['body'] === $expected], 'a whole binary is an answer to a range');
    same(304, ask($host->url('respond'), ['If-None-Match: "' . hash('sha256', $expected) . '"'])['status']);
    $miss = ask($host->url('respond', name: 'miss'));
    same([202, '/respond?name=miss'], [$miss['status'], $miss['headers']['location']]);
});

test('pillion serve answers the requests that RoadRunner redirects', function (Sandbox $sandbox): void {
    $host = behind_roadrunner($sandbox, server: 'http://' . pillion_serve($sandbox));
    $link = ask($host->url('respond', name: 'b'))['headers']['location'];
    $miss = ask($link);
    same([200, 'MISS'], [$miss['status'], $miss['headers']['x-cache-status']], show($miss['headers']));
    $part = ask(ask($host->url('respond', name: 'b'), ['Range: bytes=5-9'])['headers']['location'], ['Range: bytes=5-9']);
    same([206, substr($miss['body'], 5, 5)], [$part['status'], $part['body']]);
    $altered = substr_replace($link, $link[-5] === 'A' ? 'B' : 'A', -5, 1);
    same(403, ask($altered)['status']);
});

test('an application of the Velox plugin runs unchanged behind RoadRunner', function (Sandbox $sandbox): void {
    $host = behind_roadrunner($sandbox, server: 'http://' . pillion_serve($sandbox));
    plugin_application_is_served($sandbox, rtrim($host->url(''), '/'));
});

test('clients of RoadRunner choose no file', function (Sandbox $sandbox): void {
    $host = behind_roadrunner($sandbox, server: 'http://' . pillion_serve($sandbox));
    clients_choose_no_file($sandbox, rtrim($host->url(''), '/'), ['/_artifacts/', '/_pillion/delivery/', '/']);
});

test('a ticket of another host is refused', function (Sandbox $sandbox): void {
    $host = behind_roadrunner($sandbox, server: 'http://' . pillion_serve($sandbox));
    $link = ask($host->url('respond'))['headers']['location'];
    $other = pillion_serve($sandbox->sibling());
    same(403, ask("http://{$other}" . parse_url($link, PHP_URL_PATH))['status']);
    same(200, ask($link)['status']);
});

test('200 clients of RoadRunner wait for a build, and no worker of two is held', function (Sandbox $sandbox): void {
    $host = behind_roadrunner($sandbox, server: 'http://' . pillion_serve($sandbox));
    $server = rtrim($host->url(''), '/');
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['times' => 1, 'until_released' => 'all wait']]]);
    // Each client follows its own redirection, as RoadRunner answers it.
    $links = [];
    for ($client = 0; $client < 200; $client++) {
        $answer = ask("{$server}/respond?name=slow");
        same(303, $answer['status']);
        $links[] = $answer['headers']['location'];
    }
    $seen = 0;
    $answers = Http::many($links, 200, 60, static function () use ($velox, $server, &$seen): void {
        if ($seen === 0 && $velox->counter('in_flight') === 1) {
            for (; $seen < 10; $seen++) {
                same('hello', ask("{$server}/hello")['body'], 'a worker is free');
            }
            all_workers_are_free($server);
            $velox->release('all wait');
        }
    });
    same([200], array_values(array_unique(array_column($answers, 'status'))));
    same([1, 10, 1], [count(array_unique(array_column($answers, 'body'))), $seen, $velox->counter('builds_started')]);
    same(0, responses(ask("{$server}/metrics")['body'], 'stream'), 'held workers');
});
