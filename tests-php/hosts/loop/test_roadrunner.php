<?php

// Worker\loop() under RoadRunner, with the package's own small worker.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('the result of a handler is the client\'s answer; an invalid one is status 500', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 1]);
    $pid = $host->ask('hello')['pid'];
    $answer = fetch($host->url('headers'));
    same([201, 'made'], [$answer['status'], $answer['body']]);
    same([['a'], ['b', 'c'], ['a=1; Path=/', 'b=2']], [$answer['headers']['x-one'], $answer['headers']['x-two'], $answer['headers']['set-cookie']]);
    $answer = fetch($host->url('named'));
    same([404, ['text/plain'], 'nothing'], [$answer['status'], $answer['headers']['content-type'], $answer['body']]);
    same([200, ''], [fetch($host->url('nothing'))['status'], fetch($host->url('nothing'))['body']]);
    same([204, ''], [fetch($host->url('without_body'))['status'], fetch($host->url('without_body'))['body']]);
    $answer = fetch($host->url('psr'));
    same([202, ['7'], 'a message'], [$answer['status'], $answer['headers']['x-psr'], $answer['body']]);
    same(['text/html; charset=UTF-8'], fetch($host->url('hello'))['headers']['content-type']);
    same(file_get_contents(__DIR__ . '/roadrunner.php'), fetch($host->url('file'))['body']);
    $big = fetch($host->url('big', kib: '32768'));
    same([200, md5(str_repeat('0123456789abcdef', 2 << 20))], [$big['status'], md5($big['body'])]);
    same(['', 200], [fetch($host->url('hello'), [CURLOPT_NOBODY => true])['body'], fetch($host->url('hello'), [CURLOPT_NOBODY => true])['status']]);
    foreach (['throw', 'fatal', 'bad_status', 'bad_header', 'bad_answer', 'chunks_fail_early', 'begin', 'loop'] as $wrong) {
        same([500, ''], [fetch($host->url($wrong))['status'], fetch($host->url($wrong))['body']], $wrong);
    }
    same($pid, $host->ask('hello')['pid'], 'the worker lives');
});

test('a request arrives whole: headers, cookies, query, form, raw body, files', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 1]);
    $request = static fn (array $answer): array => json_decode($answer['body'], true, flags: JSON_THROW_ON_ERROR);
    $found = $request(fetch($host->url('request') . '?a[]=1&a[]=2&b[c]=%C3%A4', [
        CURLOPT_CUSTOMREQUEST => 'PUT',
        CURLOPT_POSTFIELDS => $body = random_bytes(1000) . "\0\r\n",
        CURLOPT_HTTPHEADER => ['Content-Type: application/octet-stream', 'X-Twice: 1', 'X-Twice: 2', 'Cookie: a=1; b=%20x'],
    ]));
    same(['PUT', 'HTTP/1.1', '127.0.0.1'], [$found['method'], $found['protocol'], $found['remoteAddress']]);
    same($host->url('request') . '?a[]=1&a[]=2&b[c]=%C3%A4', $found['uri']);
    ksort($found['cookies']);
    same([['a' => ['1', '2'], 'b' => ['c' => 'ä']], ['a' => '1', 'b' => ' x'], ['1', '2']], [$found['query'], $found['cookies'], $found['headers']['X-Twice']]);
    same([null, [], []], [$found['parsedBody'], $found['uploads'], $found['attributes']]);
    // JSON can't encode the bytes of the body; their number is compared.
    foreach ([$body, str_repeat('y', 24 << 20)] as $raw) {
        same((string) strlen($raw), fetch($host->url('size'), [CURLOPT_POSTFIELDS => $raw, CURLOPT_HTTPHEADER => ['Content-Type: text/plain', 'Expect:']])['body']);
    }
    $form = $request(fetch($host->url('request'), [CURLOPT_POSTFIELDS => 'a=1&b[x][]=2&b[x][]=3&c=%26']));
    same(['POST', ['a' => '1', 'b' => ['x' => ['2', '3']], 'c' => '&'], ''], [$form['method'], $form['parsedBody'], $form['body']]);

    $file = "{$sandbox->directory}/a file.txt";
    file_put_contents($file, $text = random_bytes(300_000));
    $upload = static fn (string $name): \CURLFile => new \CURLFile($file, 'text/x-mine', $name);
    $answer = $request(fetch($host->url('upload'), [CURLOPT_POSTFIELDS => [
        'one' => $upload('one.txt'), 'more[x]' => $upload('two.txt'), 'more[name]' => $upload('three.txt'), 'move' => $upload('four.txt'), 'field' => 'value',
    ]]));
    $uploaded = static fn (string $name): array => [$name, 'text/x-mine', 300_000, 0, md5($text)];
    ksort($answer['files']);
    same(['more' => ['name' => $uploaded('three.txt'), 'x' => $uploaded('two.txt')], 'move' => $uploaded('four.txt'), 'one' => $uploaded('one.txt')], $answer['files']);
    same(['field' => 'value'], $answer['fields']);
    same(md5($text), md5_file($sandbox->setting('state_dir') . '/moved'));
});

test('a stream arrives in pieces, ends when the client disconnects, and may break off', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 1]);
    $seen = $sandbox->setting('state_dir') . '/chunks';
    $early = null;
    $text = '';
    fetch($host->url('chunks', n: '4', ms: '300'), [CURLOPT_WRITEFUNCTION => static function ($handle, string $piece) use (&$early, &$text, $seen): int {
        $early ??= !is_file($seen);
        $text .= $piece;

        return strlen($piece);
    }]);
    same([true, "chunk 1\nchunk 2\nchunk 3\nchunk 4\n"], [$early, $text], 'the first piece comes before the last is made');
    same("5\n", file_get_contents($seen));
    same(implode('', array_map(static fn (int $i): string => "chunk {$i}\n", range(1, 5000))), fetch($host->url('chunks', n: '5000'))['body']);
    $pid = $host->ask('hello')['pid'];
    unlink($seen);
    fetch($host->url('chunks', n: '100000', ms: '5'), [CURLOPT_WRITEFUNCTION => static fn (): int => 0]);
    is_true((int) eventually('the generator is destroyed', static fn (): string => is_file($seen) ? file_get_contents($seen) : '', 30) < 100_000, 'it ran to its end');
    same([200, 'first'], array_values(array_intersect_key(fetch($host->url('chunks_fail_late')), ['status' => 0, 'body' => 0])));
    same($pid, $host->ask('hello')['pid'], 'the worker lives');
});

test('printed text never reaches the wire, by any way; standard input is empty', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 1, 'log' => 'info'], ini: ['display_errors' => '1', 'html_errors' => '0']);
    $pid = $host->ask('hello')['pid'];
    same('clean', fetch($host->url('print'))['body']);
    same([200, ''], [fetch($host->url('read'))['status'], fetch($host->url('read'))['body']]);
    same($pid, $host->ask('hello')['pid'], 'the worker lives');
    $ways = ['a buffer left open', 'echo', 'a stream', 'another stream', 'a third stream', 'a program', 'a child', 'a warning'];
    eventually('all texts are in the log', static function () use ($host, $ways): bool {
        $log = $host->process->errors();

        return array_filter($ways, static fn (string $way): bool => !str_contains($log, "from {$way}")) === [];
    });
    same([], preg_grep('/validation|CRC/i', explode("\n", $host->process->errors())), 'trouble with the wire');
});

test('exit and fatal errors are followed by a new worker; a forked child can be ended', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 1], ini: ['memory_limit' => '64M']);
    foreach (['exit', 'exit_code', 'memory'] as $end) {
        $pid = $host->ask('hello')['pid'];
        is_true(fetch($host->url($end))['status'] >= 500, $end);
        is_true($host->ask('hello')['pid'] !== $pid, "{$end}: the same worker");
    }
    same([true, SIGTERM], $host->ask('fork'));
});

test('a handler over its time limit ends with its worker; the next request is served', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 1, 'pool' => "supervisor:\n      exec_ttl: 1s"]);
    $pid = $host->ask('hello')['pid'];
    is_true(fetch($host->url('hang'))['status'] >= 500, 'hang');
    is_true($host->ask('hello')['pid'] !== $pid, 'the same worker');
});

test('workers that end by themselves lose no request: count, memory, max_jobs, reset', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['pool' => 'max_jobs: 11'], maxRequests: 7);
    $answers = Http::many(array_fill(0, 160, $host->url('hello')), 4, 60, static function () use ($host, &$resets): void {
        // RoadRunner's own reset ends workers between two requests.
        in_array($resets = ($resets ?? 0) + 1, [10, 30], true) && $host->reset();
    });
    all_served($answers);
    $ended = loops_ended($sandbox);
    $most = max(array_column($ended, 0));
    is_true($most === 7 && count($ended) >= 160 / 7 - 6, "loops: " . show($ended));
    same(array_column($ended, 1), array_column($ended, 0), 'what loop() returns is what was served');
    $host->process->signal(SIGTERM);
    same(0, $host->process->wait(40));

    $sandbox->set('worker_max_memory', '32M');
    $sandbox->set('log_level', 'info');
    $before = count(loops_ended($sandbox));
    $host = looping($sandbox->sibling(), ['workers' => 1, 'log' => 'info']);
    all_served(Http::many(array_fill(0, 20, $host->url('grow')), 1));
    eventually('the ends of loops are logged', static fn (): bool => substr_count($host->process->errors(), 'worker loop ends') >= 4);
});

test('a signal ends a worker after its request; RoadRunner\'s stop ends all workers', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 2]);
    foreach ([SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2] as $signal) {
        $workers = ready_workers($host, 2);
        $asked = microtime(true);
        $sent = false;
        // The first two are being served when the signal arrives; later ones arrive at workers that are to end.
        all_served(Http::many(array_fill(0, 4, $host->url('sleep')), 2, 30, static function () use ($workers, $signal, $asked, &$sent): void {
            if (!$sent && microtime(true) - $asked > 0.05) {
                $sent = array_map(static fn (int $worker): bool => posix_kill($worker, $signal), $workers) !== [];
            }
        }));
        eventually('both have ended', static fn (): bool => array_filter($workers, is_alive(...)) === [], 20);
    }
    same(12, count(loops_ended($sandbox)), 'loops that came to their end');
    $idle = ready_workers($host, 2);
    array_map(static fn (int $worker): bool => posix_kill($worker, SIGTERM), $idle);
    // A service that is stopped as a whole: the signal is for all of its processes.
    $host->process->signal(SIGTERM);
    same(0, $host->process->wait(40));
    same(14, count(loops_ended($sandbox)));
});

test('a relay over a socket works too', function (Sandbox $sandbox): void {
    $host = looping($sandbox, ['workers' => 2, 'relay' => 'unix://' . $sandbox->directory . '/relay.sock']);
    all_served(Http::many(array_fill(0, 40, $host->url('print')), 4));
    same(str_repeat('y', 1), substr(fetch($host->url('big', kib: '4096'))['body'], -1) === 'f' ? 'y' : 'n');
});

test('a forked child that returns to the loop answers no client', function (Sandbox $sandbox): void {
    $socket = "unix://{$sandbox->directory}/relay.sock";
    foreach ([['loop', 'pipes', 'Pillion\\StateException 800 800'], ['own', 'pipes'], ['spiral', 'pipes'], ['loop', $socket], ['spiral', $socket]] as $case) {
        [$loop, $relay, $end] = $case + [2 => null];
        $host = looping($sandbox, ['workers' => 1, 'script' => 'forking.php', 'loop' => $loop, 'relay' => $relay]);
        [$worker] = $host->workers();
        foreach (['throws', 'returns', 'pieces', 'exits'] as $round => $path) {
            $answer = $path === 'pieces' ? 'first second' : "answer to /{$path}";
            same([200, $answer], array_slice(array_values(Http::get($host->url($path))), 0, 2), "{$loop}, {$relay}: {$path}");
            eventually("{$loop}: the child of {$path} has ended", static fn (): bool => count(children($worker)) === $round + 1 && array_filter(children($worker), is_alive(...)) === []);
            for ($i = 0; $i < 5; $i++) {
                same('answer to /hello', Http::get($host->url('hello'))['body'], "{$loop}: after {$path}");
            }
        }
        same([$worker], $host->workers(), "{$loop}: the worker lives");
        $file = $sandbox->setting('state_dir') . '/children';
        $ends = is_file($file) ? file($file, FILE_IGNORE_NEW_LINES) : [];
        $end === null || same([$end, $end, $end], $ends, "{$loop}: how children ended");
        @unlink($file);
        $host->process->signal(SIGTERM);
        same(0, $host->process->wait(40));
    }
});
