<?php

// Beginnings and ends of requests under FrankenPHP, with several threads, for every kind of ending.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';
require __DIR__ . '/../lib/preload.php';

/** Requests of the mix, each of which is checked; test_random_endings.php only counts a much larger number. */
$many = 600;

test('each of thirty endings is one request with one end', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php']);
    foreach (ENDINGS as $path => $status) {
        $answer = Http::get($host->url($path));
        same($status, $answer['status'], $path . ': ' . show($answer));
    }
    all_ended($sandbox, count(ENDINGS) + 1);
    all_reset($sandbox);
    $status = $host->ask('status');
    same(['ok', 'frankenphp-worker', true, $host->pid], [$status['status'], $status['mode'], $status['worker_mode'], $status['pid']]);
    same(count(begun($sandbox)) - 1, $status['requests'], 'ended');
    same($status['requests'], $status['requests_begun'], 'begun');
});

test("a mix of {$many} requests on four threads, with disconnects and restarts", function (Sandbox $sandbox) use ($many): void {
    log_requests($sandbox);
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'frankenphp' => 'max_requests 40']);
    // A time limit takes a second each; it is in the test above.
    $paths = mixed_endings($many, seed: 5, without: ['time']);
    $restarts = 0;
    foreach (array_chunk($paths, 200) as $round => $chunk) {
        $asked = 0;
        $answers = Http::many(array_map($host->url(...), $chunk), 8, 60, function () use ($host, $round, &$asked, &$restarts): void {
            if ($round === 1 && $asked++ === 5) {
                $host->restart();
                $restarts++;
            }
        });
        foreach ($answers as $i => $answer) {
            same(ENDINGS[$chunk[$i]], $answer['status'], $chunk[$i] . ': ' . show($answer));
        }
        // Clients that don't wait for their answer.
        Http::many(array_fill(0, 8, $host->url('slow')), 8, 0.05);
    }
    same($many > 200 ? 1 : 0, $restarts, 'restarts');
    eventually('requests of disconnected clients have ended', fn (): bool => count(begun($sandbox)) === count(ended($sandbox)));
    all_ended($sandbox, $many);
    all_reset($sandbox);
    // Three hooks a request; the failing one is logged.
    $skipped = count(array_intersect(begun_paths($sandbox), NO_HOOKS_AFTER));
    // Asked once: a client has its answer before its request has ended.
    $status = $host->ask('status');
    $hooks = $status['hooks'];
    same(3 * $skipped, $hooks['skipped'], 'skipped');
    same($hooks['run'], 3 * $hooks['failed'], show($hooks));
    same(count(begun($sandbox)) - 1, $status['requests'], 'ended');
    same($status['requests'], $status['requests_begun'], 'begun');
    same($restarts, $status['restarts'], 'restarts of the module');
});

test('a fatal hook does not stop the others, which run when the script ends', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 2]);
    foreach (range(1, 6) as $i) {
        same(200, Http::get($host->url('fatal_in_a_hook'))['status'], 'answer');
        same('hello', $host->ask('hello'));
        // The script ends on an exception that none of its handlers has caught.
        is_true(Http::get($host->url('throw_in_output_callback'))['status'] >= 200, 'answer');
    }
    all_ended($sandbox, 19);
    all_reset($sandbox);
});

test('requests on four threads see their own id and scope, and none of earlier ones', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php']);
    $ids = [];
    foreach (Http::many(array_fill(0, 400, $host->url('scope')), 8) as $answer) {
        [$before, $mine, $id] = Http::decode($answer);
        same([[null, null], [$id, $id]], [$before, $mine], "the request's scope and Sentry's");
        $ids[] = $id;
    }
    same(400, count(array_unique($ids)), 'ids');
    all_ended($sandbox, 401);
    all_reset($sandbox);
});

test('an id in a request\'s header is the id of that request alone', function (Sandbox $sandbox): void {
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 2]);
    $ids = [];
    foreach (range(1, 40) as $i) {
        $header = match ($i % 4) {
            0 => ["X-Request-Id: mine-{$i}"],
            1 => ['traceparent: 00-' . str_pad(dechex($i), 32, '0', STR_PAD_LEFT) . '-00f067aa0ba902b7-01'],
            2 => ['X-Request-Id: not fit'],
            default => [],
        };
        $context = stream_context_create(['http' => ['header' => $header]]);
        $found = json_decode(file_get_contents($host->url('status'), false, $context), true)['request']['id'];
        $ids[] = $found;
        match ($i % 4) {
            0 => same("mine-{$i}", $found),
            1 => same(str_pad(dechex($i), 32, '0', STR_PAD_LEFT), $found),
            default => is_true((bool) preg_match('/^[0-9a-f]{8}-[0-9a-f]{4}-7/', $found), $found),
        };
    }
    same($ids, array_unique($ids));
});

test('the running request is listed with the path of the client, not of the script', function (Sandbox $sandbox): void {
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 1]);
    same([['method' => 'GET', 'uri' => '/requests']], $host->ask('requests', token: 'secret'));
});

test('state left by requests is logged, and reset if configured, on each thread', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $sandbox->set('worker_reset', 'ini,handlers,timezone,wrappers,session');
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 2]);
    // The first request of each thread is its baseline; its own leftovers are not reported.
    $clean = ['14', 'null', 'UTC', 0, 'worker'];
    foreach (Http::many(array_fill(0, 40, $host->url('scope')), 8) as $answer) {
        same(200, $answer['status'], show($answer));
    }
    foreach (Http::many(array_fill(0, 200, $host->url('leave')), 8) as $answer) {
        same($clean, Http::decode($answer));
    }
    same($clean, $host->ask('found'));
    $status = $host->ask('status');
    same(['ini' => 200, 'handlers' => 200, 'timezone' => 200, 'wrappers' => 200, 'session' => 0], array_slice($status['left_behind'], 0, 5));
    same(800, $status['left_behind']['put_back']);
    $entries = array_filter(array_map(fn (string $line): ?array => json_decode($line, true), file($sandbox->setting('log'))), fn (?array $line): bool => ($line['event'] ?? null) === 'left behind');
    same(['ini' => 1, 'handlers' => 1, 'timezone' => 1], array_intersect_key(array_count_values(array_column($entries, 'kind')), ['ini' => 0, 'handlers' => 0, 'timezone' => 0]), 'logged once for all threads');
    is_true(count($entries) <= 256, 'lines: ' . count($entries));
});

test('added and ended threads, preloading, opcache_reset(): as many ends as beginnings', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    file_put_contents("{$sandbox->directory}/preload.php", '<?php Pillion\Worker\mode(); final class Preloaded {}');
    $preloads = survives_restarts_with_preload();
    $ini = opcache() + ($preloads ? preloading("{$sandbox->directory}/preload.php") : []);
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 2, 'frankenphp' => "max_threads 8\n        max_requests 25"], $ini);
    same($preloads, $host->ask('preloaded'));
    $asked = $resets = 0;
    // Enough waiting requests that threads are added, and a reset amid them.
    $urls = array_map($host->url(...), array_merge(...array_fill(0, 40, ['slow', 'echo', 'exit', 'throw', 'scope'])));
    Http::many($urls, 12, 60, function () use ($host, &$asked, &$resets): void {
        if (++$asked % 40 === 0 && $resets < 3) {
            $resets++;
            Http::get($host->url('opcache_reset'), 30);
        }
    });
    same(3, $resets, 'resets');
    same($preloads, $host->ask('preloaded'));
    eventually('all requests have ended', fn (): bool => count(begun($sandbox)) === count(ended($sandbox)));
    all_ended($sandbox, count($urls));
    all_reset($sandbox);
    $status = $host->ask('status');
    same($status['requests'], $status['requests_begun'], 'begun');
    is_true($status['restarts'] >= 1, 'opcache_reset() has restarted nothing');
});

test('FrankenPHP without a worker: each of thirty endings is one request with one end', function (Sandbox $sandbox): void {
    log_requests($sandbox);
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/index.php', 'classic' => true]);
    foreach (ENDINGS as $path => $status) {
        $answer = Http::get($host->url($path));
        same($status, $answer['status'], $path . ': ' . show($answer));
    }
    foreach (Http::many(array_map($host->url(...), mixed_endings(200, seed: 3, without: ['time'])), 8, 60) as $answer) {
        is_true($answer['status'] >= 200, show($answer));
    }
    all_ended($sandbox, count(ENDINGS) + 201);
    all_reset($sandbox);
    $status = $host->ask('status');
    same(['frankenphp', false], [$status['mode'], $status['worker_mode']]);
    same(count(begun($sandbox)) - 1, $status['requests'], 'ended');
});

test('loop() inside a request of another loop is refused; that loop continues', function (Sandbox $sandbox): void {
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 1]);
    for ($i = 0; $i < 3; $i++) {
        [$code, $message] = $host->ask('loop');
        same([800, true], [$code, str_contains($message, 'frankenphp_handle_request()')], $message);
        same('hello', $host->ask('hello'));
    }
    same(7, $host->ask('status')['requests'], 'requests');
});
