<?php

// Beginnings and ends of requests under php-fpm, RoadRunner and on the command line, for every kind of ending.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('php-fpm: each of thirty endings is one request with one end', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new Fpm($sandbox, ['www' => ['pm.max_children = 1', 'php_admin_value[memory_limit] = 64M']], files: ['worker/index.php', 'worker/endings.php']);
    foreach ($host->many(array_map(fn (string $path): array => [$path], array_keys(ENDINGS)), 1) as $i => $answer) {
        $path = array_keys(ENDINGS)[$i];
        // php-fpm's FastCGI can't signal an error after the answer.
        same(ENDINGS[$path], $answer['status'], $path . ': ' . show($answer));
    }
    all_ended($sandbox, count(ENDINGS) + 1);
    all_reset($sandbox);
    $status = $host->ask('status');
    same(['fpm', false], [$status['mode'], $status['worker_mode']]);
    same([count(begun($sandbox)) - 1, count(begun($sandbox))], [$status['requests'], $status['requests_begun']], 'ended and begun');
});

test("PHP's own server: each of thirty endings is one request with one end", function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $address = '127.0.0.1:' . free_port();
    $server = $sandbox->start('php -S', [...$sandbox->phpCommand(['memory_limit' => '64M', 'display_errors' => '0']), '-S', $address, __DIR__ . '/index.php']);
    eventually("PHP's own server answers", fn (): bool => Http::get("http://{$address}/hello", 2)['status'] === 200);
    foreach (array_keys(ENDINGS) as $path) {
        $answer = Http::get("http://{$address}/{$path}");
        // It can't finish an answer before the script.
        $expected = $path === 'finish_and_throw' ? 500 : ENDINGS[$path];
        same($expected, $answer['status'], $path . ': ' . show($answer));
    }
    $status = json_decode(Http::get("http://{$address}/status")['body'], true);
    all_ended($sandbox, count(ENDINGS) + 2);
    all_reset($sandbox);
    same(['cli-server', false, $server->pid], [$status['mode'], $status['worker_mode'], $status['pid']]);
    same([count(begun($sandbox)) - 1, count(begun($sandbox))], [$status['requests'], $status['requests_begun']], 'ended and begun');
});

test('php-fpm: the running request is listed with the path of the client, not of the script', function (Sandbox $sandbox): void {
    $host = new Fpm($sandbox, ['www' => ['pm.max_children = 1']], files: ['worker/index.php', 'worker/endings.php']);
    // A process is listed from the first check after its first job, ten seconds later at most.
    $host->many([['job']], 1);
    $running = eventually('the process has a slot', fn (): array => $host->ask('requests', token: 'secret'), 20);
    same([['method' => 'GET', 'uri' => '/requests']], $running);
});

test("PHP's own server: the running request is listed with its method and path", function (Sandbox $sandbox): void {
    $address = '127.0.0.1:' . free_port();
    $sandbox->start('php -S', [...$sandbox->phpCommand(), '-S', $address, __DIR__ . '/index.php']);
    eventually("PHP's own server answers", fn (): bool => Http::get("http://{$address}/job", 2)['status'] === 200);
    $running = eventually('the process has a slot', fn (): array => Http::decode(Http::get("http://{$address}/requests?token=secret")), 20);
    same([['method' => 'GET', 'uri' => '/requests']], $running);
});

test('the command line: each of thirty endings is one request with one end', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $running = [];
    foreach (array_keys(ENDINGS) as $i => $path) {
        $running[] = $sandbox->start("php {$path}", [...$sandbox->phpCommand(['memory_limit' => '64M']), __DIR__ . '/index.php', $path]);
        if ($i % 4 === 3 || $i === count(ENDINGS) - 1) {
            array_map(fn (Process $process) => $process->wait(30), $running);
            $running = [];
        }
    }
    all_ended($sandbox, count(ENDINGS));
    all_reset($sandbox);
});

test('RoadRunner: each of thirty endings is one request with one end, fatal ones too', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new RoadRunner($sandbox, ['script' => __DIR__ . '/roadrunner.php'], ['memory_limit' => '64M']);
    $before = count(begun($sandbox));
    foreach (array_keys(ENDINGS) as $path) {
        $answer = Http::get($host->url($path));
        is_true($answer['status'] >= 200, $path . ': ' . show($answer));
    }
    $context = stream_context_create(['http' => ['header' => ['X-Request-Id: mine']]]);
    $status = json_decode(file_get_contents($host->url('status'), false, $context), true);
    same(['roadrunner', true, 'mine'], [$status['mode'], $status['worker_mode'], $status['request']['id']]);
    // A worker's last request ends with its next one, or with the worker.
    $host->reset();
    all_ended($sandbox, $before + count(ENDINGS) + 1);
    all_reset($sandbox);
});

test('RoadRunner: the running request is listed with its method and path', function (Sandbox $sandbox): void {
    $host = new RoadRunner($sandbox, ['script' => __DIR__ . '/roadrunner.php', 'workers' => 1]);
    eventually('each worker has a slot', function () use ($host): bool {
        Http::many(array_fill(0, 8, $host->url('hello')), 4);

        return json_decode(Http::get($host->url('requests?token=secret'))['body'], true) !== [];
    });
    $running = array_filter(json_decode(Http::get($host->url('requests?token=secret'))['body'], true));
    same([['method' => 'GET', 'uri' => '/requests']], array_values($running));
});

test('RoadRunner over a socket: each request has one beginning and one end', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new RoadRunner($sandbox, ['script' => __DIR__ . '/roadrunner.php', 'relay' => "unix://{$sandbox->directory}/relay.sock"], ['memory_limit' => '64M']);
    $before = count(begun($sandbox));
    // A worker that ends by itself is killed by RoadRunner at once.
    $paths = ['echo', 'throw', 'throw_from_deep', 'nested_buffers', 'buffers_left_open', 'generator', 'fiber', 'chdir'];
    foreach ($paths as $path) {
        is_true(Http::get($host->url($path))['status'] >= 200, $path);
    }
    $context = stream_context_create(['http' => ['header' => ['X-Request-Id: mine']]]);
    same('mine', json_decode(file_get_contents($host->url('status'), false, $context), true)['request']['id']);
    $host->reset();
    all_ended($sandbox, $before + count($paths) + 1);
    all_reset($sandbox);
});

test('RoadRunner with opcache and its JIT: each request has one beginning and one end', function (Sandbox $sandbox): void {
    foreach (['tracing', 'function'] as $jit) {
        $own = $sandbox->sibling();
        log_requests($own);
        $host = new RoadRunner($own, ['workers' => 1, 'script' => __DIR__ . '/roadrunner.php'], [
            'opcache.enable_cli' => '1', 'opcache.jit' => $jit, 'opcache.jit_buffer_size' => '32M', 'opcache.jit_hot_loop' => '8', 'opcache.jit_hot_func' => '8',
        ]);
        $before = count(begun($own));
        $answers = Http::many(array_map($host->url(...), array_merge(...array_fill(0, 50, ['echo', 'nested_buffers', 'generator', 'fiber']))), 2);
        same([200], array_values(array_unique(array_column($answers, 'status'))), $jit);
        $context = stream_context_create(['http' => ['header' => ['X-Request-Id: mine']]]);
        same('mine', json_decode(file_get_contents($host->url('status'), false, $context), true)['request']['id'], $jit);
        $host->reset();
        all_ended($own, $before + 201);
        all_reset($own);
    }
});

test('RoadRunner: replaced workers end the requests that they have begun', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new RoadRunner($sandbox, ['script' => __DIR__ . '/roadrunner.php', 'pool' => 'max_jobs: 7'], ['memory_limit' => '64M']);
    $paths = mixed_endings(200, seed: 7, without: ['time', 'memory']);
    Http::many(array_map($host->url(...), $paths), 4, 60);
    $host->reset();
    all_ended($sandbox, 200);
    all_reset($sandbox);
});

test('RoadRunner: bodies, uploads and streams of any size, disconnects, and a reset', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new RoadRunner($sandbox, ['script' => __DIR__ . '/roadrunner.php'], ['memory_limit' => '128M']);
    $body = random_bytes(8 << 20);
    $form = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.bin\"\r\nContent-Type: application/octet-stream\r\n\r\n{$body}\r\n--b--\r\n";
    $asked = [];
    for ($i = 0; $i < 6; $i++) {
        $asked["body {$i}"] = [$host->url('body'), $body, 'application/octet-stream'];
        $asked["upload {$i}"] = [$host->url('upload'), $form, 'multipart/form-data; boundary=b'];
        $asked["stream {$i}"] = $host->url('stream');
        $asked["scope {$i}"] = $host->url('scope');
    }
    $reset = false;
    $answers = Http::many($asked, 4, 60, function () use ($host, &$reset): void {
        $reset || $reset = $host->reset() ?? true;
    });
    foreach ($answers as $what => $answer) {
        same(200, $answer['status'], $what . ': ' . show($answer));
        match (strtok($what, ' ')) {
            'body' => same(strlen($body) . ' ' . sha1($body), $answer['body']),
            'upload' => same(['file' => ['a.bin', strlen($body), sha1($body)]], json_decode($answer['body'], true)),
            'stream' => is_true(strlen($answer['body']) === 20 * 1001 + 36, 'a stream of ' . strlen($answer['body'])),
            'scope' => same([null, null], json_decode($answer['body'], true)[0]),
        };
    }
    // Streams that no client reads to the end.
    Http::many(array_fill(0, 8, $host->url('stream')), 4, 0.03);
    same(200, Http::get($host->url('echo'))['status']);
    eventually('the streams have ended', fn (): bool => count(children($host->pid)) === 2);
    $host->reset();
    all_ended($sandbox, count($asked) + 2);
    all_reset($sandbox);
});

test('RoadRunner: a worker killed over its time limit loses only its own request', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new RoadRunner($sandbox, ['script' => __DIR__ . '/roadrunner.php', 'pool' => 'supervisor: {watch_tick: 1s, exec_ttl: 2s}'], ['memory_limit' => '64M']);
    $before = $host->workers();
    $answers = Http::many([$host->url('spin'), ...array_fill(0, 30, $host->url('scope'))], 2, 30);
    is_true($answers[0]['status'] >= 500, show($answers[0]));
    foreach (array_slice($answers, 1) as $answer) {
        same([null, null], Http::decode($answer)[0]);
    }
    eventually('another worker serves', fn (): bool => count($host->workers()) === 2 && array_diff($host->workers(), $before) !== []);
    same('text', Http::get($host->url('echo'))['body']);
    $host->reset();
    $killed = array_keys(begun_paths($sandbox), 'spin', true);
    same(1, count($killed), 'requests that were killed');
    eventually('all other requests have ended', fn (): bool => count(ended($sandbox)) === count(begun($sandbox)) - 1);
    same($killed, array_values(array_diff(begun($sandbox), ended($sandbox))), 'without an end');
    same($killed, array_values(array_diff(begun($sandbox), reset_after($sandbox))), 'without hooks');
});

test('RoadRunner: loop() inside a request of another loop is refused', function (Sandbox $sandbox): void {
    $host = new RoadRunner($sandbox, ['workers' => 1, 'script' => __DIR__ . '/roadrunner.php']);
    for ($i = 0; $i < 3; $i++) {
        [$code, $message] = $host->ask('loop');
        same([800, true], [$code, str_contains($message, 'waitPayload()')], $message);
        same('hello', $host->ask('hello'));
    }
    same(7, $host->ask('status')['requests'], 'requests');
});
