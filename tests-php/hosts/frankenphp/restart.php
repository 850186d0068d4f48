<?php

// Worker restarts and reloads: PHP and the module shut down and start again in a living process, with builds under way
// and requests waiting.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/load.php';

/** Restarts of the long test; the environment variable raises the number. */
define('ROUNDS', (int) (getenv('ROUNDS') ?: 100));

/** @return array{bytes: int, allocations: int} our heap when all threads are idle and initialised */
function heap_at_rest(FrankenPhp $host): array
{
    $seen = [];

    return eventually('our heap is stable', function () use ($host, &$seen): ?array {
        $seen = [...array_slice($seen, -4), $host->ask('status')['answer']['heap']];
        usleep(50_000);

        return count($seen) === 5 && array_unique($seen, SORT_REGULAR) === [$seen[0]] ? $seen[0] : null;
    });
}

test(sprintf('%d restarts under load during builds: every request is answered without residue', ROUNDS), function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 200]]]);
    // A fixed number of threads; scaled.php tests threads that are added and end.
    $host = new FrankenPhp($sandbox, ['frankenphp' => 'max_threads 5']);
    under_load($sandbox, $host, 3, restart_amid_a_build($host));
    $host->ask('build', name: 'before');
    $before = $host->settled();
    $memory = memory($host->pid);
    $host->restart();
    $heap = heap_at_rest($host);
    $statuses = under_load($sandbox, $host, ROUNDS, restart_amid_a_build($host));
    no_request_is_lost($statuses);
    is_true(($statuses['good'] ?? 0) > 20, 'few builds were answered: ' . show($statuses));
    same(true, $host->ask('build', name: 'after')['answer']['good'] ?? null);
    $after = $host->settled();
    same($before['threads'], $after['threads'], 'our threads');
    // A thread that Go starts from one of PHP's inherits its name, and stays. One for each restart would be a leak.
    is_true($after['php'] - $before['php'] < ROUNDS / 8, 'threads named as those of PHP: ' . show(threads($host->pid)));
    is_true($after['descriptors'] <= $before['descriptors'] + 6, show([$before, $after]));
    $grown = memory($host->pid) - $memory;
    // PHP, Go and the C library retain memory at each restart; our own heap stays the same, except for allocations of
    // threads that have served a request since they began.
    $host->restart();
    $grown_heap = heap_at_rest($host);
    is_true($grown_heap['allocations'] - $heap['allocations'] < ROUNDS / 2, 'our heap: ' . show([$heap, $grown_heap]));
    note(show(['answers' => $statuses, 'before' => $before, 'after' => $after, 'KiB more' => $grown]));
    is_true($grown < 64 * 1024, "{$grown} KiB more are resident");
    // A worker that has served shows that it lives; those before the restarts are gone.
    is_true(count(glob($sandbox->setting('run_dir') . '/presence/*')) <= 1, show(glob($sandbox->setting('run_dir') . '/presence/*')));
});

test('a restart ends builds without a waiting process at once', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $host = new FrankenPhp($sandbox);
    for ($i = 0; $i < 4; $i++) {
        $host->ask('submit', name: "long {$i}");
    }
    $velox->awaitInFlight(4);
    $began = microtime(true);
    $host->restart();
    is_true(microtime(true) - $began < 3, sprintf('the restart took %.1f s', microtime(true) - $began));
    $velox->awaitInFlight(0);
    same('hello', $host->ask('hello')['answer']);
    same([], our_threads($host->pid), 'threads');
});

test('a restart is not blocked for ever by a request that waits for a build', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(120);
    $host = new FrankenPhp($sandbox);
    $began = microtime(true);
    $restarted = null;
    // FrankenPHP gives requests six seconds before it forces them to end.
    $answers = Http::many([$host->url('build', name: 'long', seconds: '100')], 1, 60, function () use ($host, $velox, &$restarted): void {
        if ($restarted === null && $velox->counter('in_flight') === 1) {
            $began = microtime(true);
            $host->restart();
            $restarted = microtime(true) - $began;
        }
    });
    is_true($restarted !== null && $restarted < 20, 'the restart took ' . show($restarted) . ' s');
    is_true(microtime(true) - $began < 30, 'the request was answered late: ' . show($answers));
    same('hello', $host->ask('hello')['answer']);
    $velox->awaitInFlight(0);
    $velox->delay(0);
    same(true, $host->ask('build', name: 'short')['answer']['good'] ?? null);
});

test('a build with a waiter in another process is handed over at a restart', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 100]]]);
    putenv('TESTED_PHP=' . getenv('PHP_ZTS'));
    putenv('TESTED_SO=' . getenv('PILLION_ZTS_SO'));
    $host = new FrankenPhp($sandbox);
    $host->ask('submit', name: 'wanted');
    $velox->awaitInFlight(1);
    $waiter = $sandbox->php('$build = Pillion\Velox\build(configuration("wanted")); report("asked"); report("outcome", outcome(fn () => $build->wait(20)));');
    $waiter->receive('asked');
    usleep(600_000);
    $host->restart();
    same(true, $waiter->receive('outcome')['good'] ?? null);
    same(2, $velox->counter('build_requests'));
});

test('settings are read anew at a restart', function (Sandbox $sandbox): void {
    $first = $sandbox->velox();
    $host = new FrankenPhp($sandbox);
    $host->ask('build', name: 'one');
    $second = $sandbox->anotherVelox();
    $sandbox->set('velox_server_url', $second->url);
    $host->writeIni();
    $host->restart();
    same(true, $host->ask('build', name: 'two')['answer']['good'] ?? null);
    same([1, 1], [$first->counter('build_requests'), $second->counter('build_requests')]);
});

test('reloads of the configuration under load leave nothing behind', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.1);
    $host = new FrankenPhp($sandbox);
    $reload = function (int $i) use ($host): void {
        $host->ask('submit', name: "long {$i}");
        $host->reload();
    };
    $reload(0);
    $host->ask('build', name: 'before');
    $before = $host->settled();
    $statuses = under_load($sandbox, $host, 4, $reload, 4);
    // FrankenPHP loses requests that wait for a thread while it reloads, and keeps their sockets; others it hands to a
    // thread that is no worker. It does the same without Pillion.
    $lost = $statuses['not answered'] ?? 0;
    $expected = ['good', 'answered', 'Pillion\CancelledException', 'not answered', '503 not in worker mode'];
    $odd = array_diff_key($statuses, array_flip($expected));
    same([], $odd, 'answers: ' . show($statuses));
    same(true, $host->ask('build', name: 'after')['answer']['good'] ?? null);
    $after = $host->settled();
    same($before['threads'], $after['threads'], 'threads');
    is_true($after['descriptors'] <= $before['descriptors'] + $lost + 6, show([$before, $after, $lost]));
});
