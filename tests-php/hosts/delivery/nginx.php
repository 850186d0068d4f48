<?php

// nginx before php-fpm, configured as the guide prints it: nginx sends the files, and waits for `pillion serve`.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** @return array{Fpm, Nginx} with the settings and locations of the guide */
function behind_nginx(Sandbox $sandbox, string $server): array
{
    $sandbox->velox();
    $cache = cache_of($sandbox);
    foreach (parse_ini_string(block('ini', 'nginx')) as $name => $value) {
        $sandbox->set(substr($name, strlen('pillion.')), str_replace('/srv/pillion/velox-binaries', $cache, $value));
    }
    $locations = str_replace(['/srv/pillion/velox-binaries', '127.0.0.1:9180'], [$cache, $server], block('nginx', 'nginx'));
    $fpm = new Fpm($sandbox, ['www' => ['listen.mode = 0666', 'pm.max_children = 2']], files: ['delivery/index.php', 'delivery/controller.php', '../../php/tests/http.php']);

    return [$fpm, new Nginx($sandbox, $fpm, $locations)];
}

test('nginx sends a cached binary, whole, in parts, and not at all', function (Sandbox $sandbox): void {
    [, $nginx] = behind_nginx($sandbox, '127.0.0.1:9');
    $built = json_decode(ask($nginx->url('build'))['body'], true);
    $expected = file_get_contents($built['path']);
    $id = '123e4567-e89b-42d3-a456-426614174000';
    $answer = ask($nginx->url('respond', id: $id));
    same([200, true], [$answer['status'], $answer['body'] === $expected], show($answer['headers']));
    $headers = array_intersect_key($answer['headers'], array_flip(['content-type', 'content-disposition', 'content-length', 'x-build-request-id', 'x-cache-status', 'x-accel-redirect']));
    ksort($headers);
    same([
        'content-disposition' => 'attachment; filename="roadrunner-linux-amd64"',
        'content-length' => (string) strlen($expected),
        'content-type' => 'application/octet-stream',
        'x-build-request-id' => $id,
        'x-cache-status' => 'HIT',
    ], $headers);
    is_true(ctype_digit($answer['headers']['x-cache-age']), 'the age is whole seconds');
    $part = ask($nginx->url('respond'), ['Range: bytes=10-19']);
    same([206, substr($expected, 10, 10)], [$part['status'], $part['body']]);
    // The entity tag is the one that `pillion serve` sends with a new binary, so that its download can be resumed here.
    same('"' . hash('sha256', $expected) . '"', $answer['headers']['etag']);
    $rest = ask($nginx->url('respond'), ['Range: bytes=10-', "If-Range: {$answer['headers']['etag']}"]);
    same([206, substr($expected, 10)], [$rest['status'], $rest['body']]);
    same([200, $expected], [($other = ask($nginx->url('respond'), ['Range: bytes=10-', 'If-Range: "0"']))['status'], $other['body']]);
    same(304, ask($nginx->url('respond'), ['If-None-Match: ' . $answer['headers']['etag']])['status']);
    same([200, ''], [($head = ask($nginx->url('respond'), method: 'HEAD'))['status'], $head['body']]);
    same((string) strlen($expected), $head['headers']['content-length']);
    // POST, as the clients of the Velox plugin send.
    same($expected, ask($nginx->url('respond'), method: 'POST', body: '{}')['body']);
    $page = ask($nginx->url('metrics'))['body'];
    same([0, 7], [responses($page, 'stream'), responses($page, 'accel')], 'no worker was held');
});

test('headers of a client have no effect behind nginx', function (Sandbox $sandbox): void {
    [, $nginx] = behind_nginx($sandbox, '127.0.0.1:9');
    ask($nginx->url('build'));
    $honest = ask($nginx->url('respond'));
    foreach (['X-Sendfile', 'X-Sendfile-Type', 'x-accel-redirect'] as $type) {
        $answer = ask($nginx->url('respond'), ["X-Sendfile-Type: {$type}", 'X-Accel-Mapping: /=/', 'X-Accel-Redirect: /etc/passwd', 'X-Velox-Build: true']);
        same([200, true], [$answer['status'], $answer['body'] === $honest['body']], show($answer['headers']));
        same([], array_intersect(['x-sendfile', 'x-sendfile-type', 'x-accel-redirect'], array_keys($answer['headers'])));
    }
    // Neither location is open to clients.
    foreach (['_artifacts/', '_artifacts/index.json', '_pillion/delivery/x'] as $path) {
        same(404, ask($nginx->url($path))['status'], $path);
    }
});

test('errors are those of the plugin, and late calls are refused', function (Sandbox $sandbox): void {
    [, $nginx] = behind_nginx($sandbox, '127.0.0.1:9');
    $answer = ask($nginx->url('invalid'));
    same([400, 'application/json'], [$answer['status'], $answer['headers']['content-type']]);
    $body = json_decode($answer['body'], true);
    same(['error', 'message', 'request_id'], array_keys($body));
    same('invalid_request', $body['error']);
    same('early 800', ask($nginx->url('late'))['body']);
});

test('a response with the header of the Velox plugin is taken over behind nginx', function (Sandbox $sandbox): void {
    $sandbox->set('velox_intercept', '1');
    [, $nginx] = behind_nginx($sandbox, '127.0.0.1:9');
    $path = json_decode(ask($nginx->url('build'))['body'], true)['path'];
    header_is_taken_over(rtrim($nginx->url(''), '/'), $path);
    same(0, responses(ask($nginx->url('metrics'))['body'], 'stream'), 'held workers');
});

test('200 clients wait behind nginx for a build, and no worker of two is held', function (Sandbox $sandbox): void {
    [, $nginx] = behind_nginx($sandbox, pillion_serve($sandbox, Fpm::user()));
    no_worker_is_held($sandbox, rtrim($nginx->url(''), '/'), 200);
});

test('a failed build, and a server that has ended, are answered by PHP behind nginx', function (Sandbox $sandbox): void {
    [, $nginx] = behind_nginx($sandbox, pillion_serve($sandbox, Fpm::user(), server: $server));
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['times' => 1, 'answer' => ['kind' => 'error', 'message' => 'building plugins: no such tag']]]]);
    $failed = array_map(fn (): array => ask($nginx->url('respond', name: 'failing')), range(1, 3));
    same([502, 502, 502], array_column($failed, 'status'));
    same(1, $velox->counter('builds_started'), 'a failed build is not started again at once');
    $page = ask($nginx->url('metrics'))['body'];
    same([1, 3], [responses($page, 'accel'), responses($page, 'error')]);
    preg_match('/^velox_cache_misses_total (\d+)$/m', $page, $misses);
    same('3', $misses[1] ?? null, 'each request is one miss');
    $server->kill();
    same([202, 'building'], [($miss = ask($nginx->url('respond', name: 'late')))['status'], json_decode($miss['body'], true)['status']]);
    eventually('nginx sends what PHP has built', fn (): bool => ask($nginx->url('respond', name: 'late'))['status'] === 200);
});

test('nginx waits for a build at the unix socket of pillion serve', function (Sandbox $sandbox): void {
    // As the guide prints it: proxy_pass http://unix:/run/pillion/serve.sock:/;
    $socket = 'unix:' . $sandbox->setting('run_dir') . '/serve.sock';
    [, $nginx] = behind_nginx($sandbox, pillion_serve($sandbox, Fpm::user(), $socket) . ':');
    $miss = ask($nginx->url('respond'));
    same([200, 'MISS'], [$miss['status'], $miss['headers']['x-cache-status'] ?? null], show($miss));
    $part = ask($nginx->url('respond'), ['Range: bytes=10-19']);
    same([206, substr($miss['body'], 10, 10)], [$part['status'], $part['body']]);
});

test('an application of the Velox plugin runs unchanged behind nginx', function (Sandbox $sandbox): void {
    $sandbox->set('velox_intercept', '1');
    [, $nginx] = behind_nginx($sandbox, pillion_serve($sandbox, Fpm::user()));
    plugin_application_is_served($sandbox, rtrim($nginx->url(''), '/'));
});

test('clients of nginx choose no file', function (Sandbox $sandbox): void {
    [, $nginx] = behind_nginx($sandbox, pillion_serve($sandbox, Fpm::user()));
    clients_choose_no_file($sandbox, rtrim($nginx->url(''), '/'), ['/_artifacts/', '/_artifacts', '/_pillion/delivery/', '/_pillion/']);
});
