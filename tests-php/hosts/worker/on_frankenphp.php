<?php

// Beginnings and ends of requests under FrankenPHP, with several threads, however a request ends.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** Requests of the mix; many more in the long form. */
$many = (int) (getenv('WORKER_REQUESTS') ?: 600);

test('each of thirty endings is one request with one end', function (Box $box): void {
    tell_of_requests($box);
    $host = new FrankenPhp($box, ['script' => __DIR__ . '/frankenphp.php']);
    foreach (ENDINGS as $path => $status) {
        $answer = Http::get($host->url($path));
        same($status, $answer['status'], $path . ': ' . show($answer));
    }
    all_ended($box, count(ENDINGS) + 1);
    all_reset($box);
    $status = $host->ask('status');
    same(['ok', 'frankenphp-worker', true, $host->pid], [$status['status'], $status['mode'], $status['worker_mode'], $status['pid']]);
    same(count(begun($box)) - 1, $status['requests'], 'ended');
    same($status['requests'], $status['requests_begun'], 'begun');
});

test("a mix of {$many} requests on four threads, clients that go away, and restarts under load", function (Box $box) use ($many): void {
    tell_of_requests($box);
    $host = new FrankenPhp($box, ['script' => __DIR__ . '/frankenphp.php', 'frankenphp' => 'max_requests 40']);
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
    eventually('those of the clients that went away are over', fn (): bool => count(begun($box)) === count(ended($box)));
    all_ended($box, $many);
    all_reset($box);
    // Three hooks a request; the one that throws is told.
    $skipped = count(array_intersect(begun_paths($box), NO_HOOKS_AFTER));
    ['hooks' => $hooks] = $host->ask('status');
    same(3 * $skipped, $hooks['skipped'], 'skipped');
    same($hooks['run'], 3 * $hooks['failed'], show($hooks));
    $status = $host->ask('status');
    same(count(begun($box)) - 1, $status['requests'], 'ended');
    same($status['requests'], $status['requests_begun'], 'begun');
    same($restarts, $status['restarts'], 'restarts of the module');
});

test('where a hook is fatal, the others run when the script ends, after an answer that is good', function (Box $box): void {
    tell_of_requests($box);
    $host = new FrankenPhp($box, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 2]);
    foreach (range(1, 6) as $i) {
        same(200, Http::get($host->url('fatal_in_a_hook'))['status'], 'answer');
        same('hello', $host->ask('hello'));
        // The script ends on an exception that no handler of its own has caught.
        is_true(Http::get($host->url('throw_in_output_callback'))['status'] >= 200, 'answer');
    }
    all_ended($box, 19);
    all_reset($box);
});

test('requests on four threads at once see their own id and scope, and nothing of those before them', function (Box $box): void {
    tell_of_requests($box);
    $host = new FrankenPhp($box, ['script' => __DIR__ . '/frankenphp.php']);
    $ids = [];
    foreach (Http::many(array_fill(0, 400, $host->url('scope')), 8) as $answer) {
        [$before, $mine, $id] = Http::decode($answer);
        same([null, $id], [$before, $mine], 'scope');
        $ids[] = $id;
    }
    same(400, count(array_unique($ids)), 'ids');
    all_ended($box, 401);
    all_reset($box);
});

test('an id that comes with a request is the id of that request alone', function (Box $box): void {
    $host = new FrankenPhp($box, ['script' => __DIR__ . '/frankenphp.php', 'threads' => 2]);
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
