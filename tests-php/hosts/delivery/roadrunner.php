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
    // The plugin would ignore each of these.
    foreach ([['Range: bytes=1-2'], ['If-None-Match: "x"'], ['If-Range: "x"', 'Range: bytes=0-0']] as $headers) {
        $answer = ask($host->url('respond'), $headers);
        same(303, $answer['status'], show($answer));
        is_true(str_starts_with($answer['headers']['location'], 'https://builds.example/delivery/'), show($answer));
    }
    same(303, ask($host->url('respond'), method: 'POST', body: '{}')['status']);
    same(303, ask($host->url('respond', name: 'miss'))['status']);
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
