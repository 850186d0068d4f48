<?php

// Worker\loop() on FrankenPHP, RoadRunner, php-fpm and the command line: each request has one beginning and one end,
// for every kind of ending, and is counted by the loop.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('FrankenPHP: each of thirty endings is one request with one end', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/endings.php', 'threads' => 2]);
    foreach (array_diff_key(ENDINGS, ['time' => 0]) as $path => $status) {
        same($status, Http::get($host->url($path))['status'], $path);
    }
    all_ended($sandbox, count(ENDINGS));
    all_reset($sandbox);
    same(['frankenphp-worker', true], [$host->ask('status')['mode'], $host->ask('status')['worker_mode']]);
});

test('FrankenPHP: loops end on requests, memory and restarts, and no request is lost', function (Sandbox $sandbox): void {
    $sandbox->set('worker_max_memory', '20M');
    $sandbox->set('log_level', 'info');
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 2, 'frankenphp' => "php_ini memory_limit 64M"]);
    $answers = Http::many(array_fill(0, 100, $host->url('hello')), 4, 60, static function () use ($host, &$round): void {
        ($round = ($round ?? 0) + 1) === 20 && $host->restart();
    });
    all_served($answers);
    // That restart may fall between two loops of each thread. This one does not: 100 is no multiple of 7.
    $host->restart();
    $ended = array_column(loops_ended($sandbox), 0);
    is_true(max($ended) === 7 && min($ended) < 7 && count(array_keys($ended, 7, true)) >= 10, 'loops: ' . show($ended));
    all_served(Http::many(array_fill(0, 12, $host->url('grow')), 1));
    is_true(substr_count($host->process->errors(), 'worker loop ends') >= 2, 'the end of the loop is logged');
});

test('FrankenPHP: a forked child that returns to the loop answers no client', function (Sandbox $sandbox): void {
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/forking.php', 'threads' => 1]);
    foreach (['throws', 'returns', 'exits'] as $round => $path) {
        same("answer to /{$path}", Http::get($host->url($path))['body']);
        eventually("the child of {$path} has ended", static fn (): bool => count(children($host->pid)) === $round + 1 && array_filter(children($host->pid), is_alive(...)) === []);
        for ($i = 0; $i < 5; $i++) {
            same('answer to /hello', Http::get($host->url('hello'))['body'], "after {$path}");
        }
    }
});

test('RoadRunner: each of thirty endings is one request with one end', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = looping($sandbox, ['script' => 'endings.php'], ini: ['memory_limit' => '64M']);
    $before = count(begun($sandbox));
    foreach (array_keys(array_diff_key(ENDINGS, ['time' => 0])) as $path) {
        is_true(Http::get($host->url($path))['status'] >= 200, $path);
    }
    // The request ends with its answer, and not with the next request.
    all_ended($sandbox, $before + count(ENDINGS) - 1);
    all_reset($sandbox);
    $context = stream_context_create(['http' => ['header' => ['X-Request-Id: mine']]]);
    $status = json_decode(file_get_contents($host->url('status'), false, $context), true);
    same(['roadrunner', true, 'mine'], [$status['mode'], $status['worker_mode'], $status['request']['id']]);
});

test('the log line of a request has its id, even if no code has read the id', function (Sandbox $sandbox): void {
    foreach (['FrankenPHP', 'RoadRunner'] as $runtime) {
        $own = $sandbox->sibling();
        log_requests($own);
        $host = $runtime === 'FrankenPHP' ? new FrankenPhp($own, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 1])
            : looping($own, ['workers' => 1, 'script' => 'forking.php', 'loop' => 'own']);
        $context = stream_context_create(['http' => ['header' => ['X-Request-Id: mine']]]);
        is_true(file_get_contents($host->url('hello'), false, $context) !== false, 'an answer');
        same(200, Http::get($host->url('hello'))['status']);
        $ids = eventually('all requests are logged', static fn (): array => count($ids = ended($own)) >= ($runtime === 'FrankenPHP' ? 3 : 2) ? $ids : []);
        same([], preg_grep('/^(mine|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12})$/', $ids, PREG_GREP_INVERT), "{$runtime}: ids");
        is_true(in_array('mine', $ids, true), "{$runtime}: " . show($ids));
    }
});

test('php-fpm and the command line: a loop is one request', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $php = [...$sandbox->phpCommand(), __DIR__ . '/endings.php'];
    same(0, $sandbox->start('php echo', [...$php, 'echo'])->wait(30));
    same(255, $sandbox->start('php throw', [...$php, 'throw'])->wait(30), 'what the handler throws is the script\'s');
    same(3, $sandbox->start('php exit', [...$php, 'exit_code'])->wait(30));
    same([[1, 1]], loops_ended($sandbox));
    all_ended($sandbox, 3);
    all_reset($sandbox);
    $own = $sandbox->sibling();
    log_requests($own);
    $host = new Fpm($own, ['www' => ['pm.max_children = 1']], files: ['loop/index.php', 'worker/endings.php']);
    foreach (['echo' => 200, 'throw' => 500, 'exit_from_deep' => 200] as $path => $status) {
        same($status, $host->many([[$path]], 1)[0]['status'], $path);
    }
    all_ended($own, 4);
    all_reset($own);
});

test('CADDY_WORKER_MODE changes the reported mode, and never how a script is served', function (Sandbox $sandbox): void {
    $mode = static fn (array $status): array => [$status['mode'], $status['worker_mode']];
    try {
        putenv('CADDY_WORKER_MODE=false');
        $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/endings.php', 'threads' => 1]);
        foreach (range(1, 3) as $_) {
            same(['frankenphp', false], $mode($host->ask('status')));
        }
        is_true($host->ask('status')['thread_requests'] >= 4, 'one loop serves them');
        same(['cli', false], $mode(looping($sandbox->sibling(), ['script' => 'endings.php'])->ask('status')));
        putenv('CADDY_WORKER_MODE=true');
        // Without a worker: the script is the request, although it calls loop().
        $classic = $sandbox->sibling();
        $host = new FrankenPhp($classic, ['script' => __DIR__ . '/endings.php', 'threads' => 1, 'classic' => true], name: 'classic');
        foreach (range(1, 3) as $_) {
            same(['frankenphp-worker', true], $mode($host->ask('status')));
        }
        same([[1, 1]], array_values(array_unique(loops_ended($classic), SORT_REGULAR)));
        $php = $sandbox->start('php', [...$sandbox->phpCommand(), __DIR__ . '/endings.php', 'status']);
        $php->wait();
        same(['cli', true], $mode(json_decode($php->output(), true)));
    } finally {
        putenv('CADDY_WORKER_MODE');
    }
});

test('leaks in a loop are named, and the loop itself leaves nothing behind', function (Sandbox $sandbox): void {
    $sandbox->set('worker_leak_check', 'on');
    foreach ([new FrankenPhp($sandbox, ['script' => __DIR__ . '/leaky.php', 'threads' => 1]), looping($sandbox->sibling(), ['workers' => 1, 'script' => 'leaky.php'])] as $host) {
        foreach (range(1, 8) as $_) {
            $host->ask('clean');
        }
        same([], $host->ask('clean'), 'a clean handler');
        foreach (range(1, 10) as $_) {
            $host->ask('leak');
        }
        $leaks = implode("\n", $host->ask('clean'));
        is_true(str_contains($leaks, 'Basket::$items: array 1 → 10 elements'), $leaks);
    }
});
