<?php

// PHP's own server: nothing before PHP helps, so PHP sends the bytes, and answers a miss with status 202.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** @param array<string, string> $ini */
function php_server(Sandbox $sandbox, array $ini = [], ?Process &$server = null, int $workers = 2): string
{
    $address = '127.0.0.1:' . free_port();
    $server = $sandbox->start('php -S', [...$sandbox->phpCommand($ini + ['display_errors' => '0']), '-S', $address, __DIR__ . '/index.php'], $workers > 1 ? ['PHP_CLI_SERVER_WORKERS' => (string) $workers] : []);
    eventually('the server answers', fn (): bool => $server->hasEnded() ? fail('it has ended') : Http::get("http://{$address}/hello", 5)['status'] === 200, 30);

    return "http://{$address}";
}

test('a miss is answered with 202 until the build is done', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1.0);
    $url = php_server($sandbox) . '/respond?name=m&id=123e4567-e89b-42d3-a456-426614174000';
    $first = ask($url);
    $body = json_decode($first['body'], true);
    same([202, 'building', '123e4567-e89b-42d3-a456-426614174000'], [$first['status'], $body['status'], $body['request_id']]);
    is_true(is_float($body['elapsed']) || is_int($body['elapsed']), show($body));
    same(['5', parse_url($url, PHP_URL_PATH) . '?' . parse_url($url, PHP_URL_QUERY)], [$first['headers']['retry-after'], $first['headers']['location']]);
    same(202, ask($url)['status']);
    $done = eventually('the next request is a hit', fn (): ?array => ($answer = ask($url))['status'] === 200 ? $answer : null);
    same('HIT', $done['headers']['x-cache-status']);
    same(1, $velox->counter('builds_started'), 'builds');
    // A forced build is not repeated by the request that asks for its result.
    $forced = str_replace('4000', '4001', $url) . '&force=1';
    same(202, ask($forced)['status']);
    eventually('the forced build is delivered', fn (): bool => ask($forced)['status'] === 200);
    same(2, $velox->counter('builds_started'), 'builds');
});

test('a failed build is answered with 502', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['times' => 9, 'answer' => ['kind' => 'error', 'message' => 'building plugins: go list failed: no such tag']]]]);
    $url = php_server($sandbox) . '/respond?name=f';
    same(202, ask($url)['status']);
    $failed = eventually('the failure is told', fn (): ?array => ($answer = ask($url))['status'] === 202 ? null : $answer);
    $body = json_decode($failed['body'], true);
    same([502, 'build_failed'], [$failed['status'], $body['error']]);
    same('velox server returned: building plugins: go list failed: no such tag', $body['message']);
    $builds = $velox->counter('builds_started');
    same([502, 502], [ask($url)['status'], ask($url)['status']]);
    same($builds, $velox->counter('builds_started'), 'a request for the result repeats no failed build');
});

test('PHP sends parts of a binary, and counts the worker as held', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $server = php_server($sandbox);
    $expected = file_get_contents(json_decode(ask("{$server}/build")['body'], true)['path']);
    $url = "{$server}/respond";
    $whole = ask($url);
    same([200, true, (string) strlen($expected)], [$whole['status'], $whole['body'] === $expected, $whole['headers']['content-length']]);
    $etag = $whole['headers']['etag'];
    same('"' . hash('sha256', $expected) . '"', $etag);
    $part = ask($url, ['Range: bytes=-100', "If-Range: {$etag}"]);
    same([206, substr($expected, -100), sprintf('bytes %d-%d/%d', strlen($expected) - 100, strlen($expected) - 1, strlen($expected))], [$part['status'], $part['body'], $part['headers']['content-range']]);
    same(304, ask($url, ["If-None-Match: {$etag}"])['status']);
    same(416, ask($url, ['Range: bytes=99999999-'])['status']);
    same([200, '', (string) strlen($expected)], [($head = ask($url, method: 'HEAD'))['status'], $head['body'], $head['headers']['content-length']]);
    is_true(responses(ask("{$server}/metrics")['body'], 'stream') >= 3, 'held workers are counted');
});

test('headers of a client are used only where the settings say so', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $server = php_server($sandbox);
    $path = json_decode(ask("{$server}/build")['body'], true)['path'];
    $headers = ['X-Sendfile-Type: x-accel-redirect', 'X-Accel-Mapping: ' . cache_of($sandbox) . '/=/files/'];
    same([], array_intersect(['x-accel-redirect', 'x-sendfile'], array_keys(ask("{$server}/respond", $headers)['headers'])));
    $trusting = php_server($sandbox, ['pillion.delivery_trust_headers' => '1']) . '/respond';
    same(str_replace(cache_of($sandbox), '/files', $path), ask($trusting, $headers)['headers']['x-accel-redirect']);
    same($path, ask($trusting, ['X-Sendfile-Type: X-Sendfile'])['headers']['x-sendfile']);
    foreach (['Set-Cookie', "X-Sendfile\tx", 'Location', ''] as $type) {
        $answer = ask($trusting, ["X-Sendfile-Type: {$type}"]);
        is_true(!str_contains(json_encode($answer['headers']), $path), "{$type}: " . show($answer['headers']));
    }
    // A mapping of other directories has no URI for the file.
    same(false, isset(ask($trusting, ['X-Sendfile-Type: x-accel-redirect', 'X-Accel-Mapping: /srv/../=/x'])['headers']['x-accel-redirect']));
});

test('a redirection to pillion serve has a ticket', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $server = php_server($sandbox, ['pillion.delivery_url' => 'https://builds.example/base']);
    $lock = $sandbox->lockOfServer();
    foreach (['miss', 'miss'] as $name) {
        $answer = ask("{$server}/respond?name={$name}");
        same(303, $answer['status']);
        is_true((bool) preg_match('~^https://builds\.example/base/delivery/[\w-]{136}$~', $answer['headers']['location']), show($answer['headers']));
    }
    same(1, count(glob($sandbox->setting('run_dir') . '/requests/*.json')), 'stored requests');
    same(0, $sandbox->velox()->counter('builds_started'), 'builds');
    fclose($lock);
    same(202, ask("{$server}/respond?name=miss")['status'], 'PHP builds while no server runs');
    eventually('PHP sends what it has built', fn (): bool => ask("{$server}/respond?name=miss")['status'] === 200);
});

test('a response with the header of the Velox plugin is taken over', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $server = php_server($sandbox, ['pillion.velox_intercept' => '1']);
    $path = json_decode(ask("{$server}/build")['body'], true)['path'];
    header_is_taken_over($server, $path);
    other_responses_stream($server, $sandbox->directory . '/signal');
    same([202, 'building'], [($miss = ask("{$server}/intercepted?name=miss"))['status'], json_decode($miss['body'], true)['status']]);
    // The buffer of PHP's own settings for production.
    header_is_taken_over(php_server($sandbox, ['pillion.velox_intercept' => '1', 'output_buffering' => '4096']), $path);
    // Without the setting the response is the application's own.
    $plain = ask(php_server($sandbox) . '/intercepted');
    same('true', $plain['headers']['x-velox-build']);
    is_true(isset(json_decode($plain['body'], true)['rr_version']), $plain['body']);
});

test('a client that goes away leaves no open file behind', function (Sandbox $sandbox): void {
    $sandbox->velox()->script(['size' => 32 << 20]);
    $url = php_server($sandbox, ['pillion.velox_intercept' => '1'], $server, 1);
    $path = json_decode(ask("{$url}/build")['body'], true)['path'];
    foreach (['respond', 'intercepted', 'respond'] as $way) {
        $client = fopen("{$url}/{$way}", 'r', context: stream_context_create(['http' => ['timeout' => 20]]));
        same(1000, strlen(fread($client, 1000)));
        fclose($client);
        // The only process answers again.
        same('hello', ask("{$url}/hello")['body'], $way);
        same([], array_values(array_intersect(descriptors($server->pid), [$path])), $way);
    }
    same(hash_file('sha256', $path), hash('sha256', ask("{$url}/respond")['body']));
});

test('an application of the Velox plugin runs unchanged in the server of PHP', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $server = php_server($sandbox, ['pillion.velox_intercept' => '1', 'pillion.delivery_url' => 'http://' . pillion_serve($sandbox)]);
    plugin_application_is_served($sandbox, $server);
});
