<?php

// FrankenPHP in Caddy, configured as the guide prints it: Caddy sends the files, and waits for `pillion serve`.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** @param array<string, string> $ini */
function behind_caddy(Sandbox $sandbox, bool $classic, array $ini = [], string $server = '127.0.0.1:9'): FrankenPhp
{
    $sandbox->velox();
    $cache = cache_of($sandbox);
    $replace = static fn (string $text): string => str_replace(['/srv/pillion/velox-binaries', '127.0.0.1:9180'], [$cache, $server], $text);
    foreach (parse_ini_string(block('ini', 'Caddy and FrankenPHP'), scanner_mode: INI_SCANNER_RAW) as $name => $value) {
        $ini += [$name => $replace($value)];
    }

    return new FrankenPhp($sandbox, [
        'threads' => 2,
        'classic' => $classic,
        'site' => $replace(block('caddyfile', 'Caddy and FrankenPHP')),
        'script' => __DIR__ . ($classic ? '/index.php' : '/worker.php'),
    ], $ini);
}

foreach (['worker' => false, 'classic' => true] as $mode => $classic) {
    test("Caddy sends a cached binary ({$mode} mode)", function (Sandbox $sandbox) use ($classic): void {
        $host = behind_caddy($sandbox, $classic);
        $built = json_decode(ask($host->url('build'))['body'], true);
        $expected = file_get_contents($built['path']);
        $id = '123e4567-e89b-42d3-a456-426614174000';
        $answer = ask($host->url('respond', id: $id));
        same([200, true], [$answer['status'], $answer['body'] === $expected], show($answer['headers']));
        $headers = array_intersect_key($answer['headers'], array_flip(['content-type', 'content-disposition', 'content-length', 'etag', 'x-build-request-id', 'x-cache-status', 'x-accel-redirect']));
        ksort($headers);
        same([
            'content-disposition' => 'attachment; filename="roadrunner-linux-amd64"',
            'content-length' => (string) strlen($expected),
            'content-type' => 'application/octet-stream',
            'etag' => '"' . hash('sha256', $expected) . '"',
            'x-build-request-id' => $id,
            'x-cache-status' => 'HIT',
        ], $headers);
        $part = ask($host->url('respond'), ['Range: bytes=10-19', "If-Range: {$answer['headers']['etag']}"]);
        same([206, substr($expected, 10, 10)], [$part['status'], $part['body']]);
        same(304, ask($host->url('respond'), ["If-None-Match: {$answer['headers']['etag']}"])['status']);
        same([200, ''], [($head = ask($host->url('respond'), method: 'HEAD'))['status'], $head['body']]);
        same((string) strlen($expected), $head['headers']['content-length']);
        // The output layer works again in the next request of the worker.
        same('hello', ask($host->url('hello'))['body']);
        $spoofed = ask($host->url('respond'), ['X-Sendfile-Type: x-sendfile', 'X-Accel-Mapping: /=/', 'X-Accel-Redirect: /etc/passwd']);
        same([200, true], [$spoofed['status'], $spoofed['body'] === $expected]);
        same(0, responses(ask($host->url('metrics'))['body'], 'stream'), 'held workers');
    });

    test("a response with the header of the Velox plugin is taken over ({$mode} mode)", function (Sandbox $sandbox) use ($classic): void {
        $host = behind_caddy($sandbox, $classic, ['pillion.velox_intercept' => '1']);
        $server = rtrim($host->url(''), '/');
        header_is_taken_over($server, json_decode(ask("{$server}/build")['body'], true)['path']);
        same(0, responses(ask("{$server}/metrics")['body'], 'stream'), 'held workers');
    });

    test("an application of the Velox plugin runs unchanged behind Caddy ({$mode} mode)", function (Sandbox $sandbox) use ($classic): void {
        $host = behind_caddy($sandbox, $classic, ['pillion.velox_intercept' => '1'], pillion_serve($sandbox));
        plugin_application_is_served($sandbox, rtrim($host->url(''), '/'));
    });
}

test('clients of Caddy choose no file', function (Sandbox $sandbox): void {
    $host = behind_caddy($sandbox, false, server: pillion_serve($sandbox));
    clients_choose_no_file($sandbox, rtrim($host->url(''), '/'), ['/_artifacts/', '/_pillion/delivery/', '/']);
});

test('a FrankenPHP worker sends a binary itself where nothing is configured', function (Sandbox $sandbox): void {
    $host = behind_caddy($sandbox, false, ['pillion.delivery' => 'stream', 'pillion.velox_intercept' => '1']);
    $server = rtrim($host->url(''), '/');
    $path = json_decode(ask("{$server}/build")['body'], true)['path'];
    header_is_taken_over($server, $path);
    other_responses_stream($server, $sandbox->directory . '/signal');
    same(file_get_contents($path), ask("{$server}/respond")['body']);
});

test('200 clients wait behind Caddy for a build, and no worker of two is held', function (Sandbox $sandbox): void {
    $host = behind_caddy($sandbox, false, server: pillion_serve($sandbox));
    no_worker_is_held($sandbox, rtrim($host->url(''), '/'), 200);
});
