<?php

// Very many requests of a random mix of endings under FrankenPHP: each has one beginning, one end and its hooks, and
// leaves no memory behind. WORKER_REQUESTS: their number (50,000); WORKER_SEED: another mix.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

define('REQUESTS', (int) (getenv('WORKER_REQUESTS') ?: 50_000));
define('SEED', (int) (getenv('WORKER_SEED') ?: 11));

/** Hooks of endings.php, of which one throws. */
const HOOKS = 3;

/** Sends this number of requests of the mix, and requires answers to all. */
function ask_many(Sandbox $sandbox, FrankenPhp $host, int $count, int $seed): void
{
    // A time limit takes a second.
    $endings = array_diff(array_keys(ENDINGS), ['time']);
    $wrk = $sandbox->start(
        "wrk {$seed}",
        ['wrk', '-t1', '-c8', '-d3600s', '--timeout', '30s', '-s', __DIR__ . '/many.lua', $host->url('')],
        ['REQUESTS' => (string) $count, 'SEED' => (string) $seed, 'ENDINGS' => implode(' ', $endings)],
    );
    same(0, $wrk->wait(60 + $count / 50), 'wrk');
    $summary = json_decode(implode(preg_grep('/^\{"answered"/', explode("\n", $wrk->output()))), true, flags: JSON_THROW_ON_ERROR);
    is_true($summary['answered'] >= $count, 'few answers: ' . show($summary));
    same([0, 0], [$summary['failed'], $summary['errors']], 'answers without a worker, connections without an answer');
}

test(sprintf('%s requests of a random mix: as many ends as beginnings, exact hooks, no leak', number_format(REQUESTS)), function (Sandbox $sandbox): void {
    // A line for each request would be more work than the request.
    $sandbox->set('log', $sandbox->setting('state_dir') . '/log');
    $sandbox->set('log_level', 'off');
    $host = new FrankenPhp($sandbox, ['script' => __DIR__ . '/random_endings.php'], ['log_errors' => '0', 'memory_limit' => '64M']);
    $bytes = static function (string $file) use ($sandbox): int {
        clearstatcache();

        return @filesize($sandbox->setting('state_dir') . '/' . $file) ?: 0;
    };
    $began = microtime(true);
    $samples = [];
    for ($part = 1; $part <= 10; $part++) {
        ask_many($sandbox, $host, intdiv(REQUESTS, 10), SEED * 10 + $part);
        $status = eventually('all requests have ended', function () use ($host): ?array {
            $status = $host->ask('status');

            // The status request itself is under way.
            return $status['requests'] === $status['requests_begun'] ? $status : null;
        });
        $samples[] = ['requests' => $status['requests'], 'KiB' => own_memory($host->pid), 'heap' => $host->ask('heap')];
    }
    note(sprintf('%s requests in %.0f s: %s', number_format($bytes('begun')), microtime(true) - $began, show($samples)));
    // The status request has begun for the application, and has not yet ended for Pillion.
    $status = $host->ask('status');
    same($bytes('begun') - 1, $status['requests'], 'requests that the application has seen begin, and those that have ended');
    same($status['requests_begun'], $status['requests'], 'begun and ended');
    is_true($status['requests'] >= REQUESTS, 'few requests: ' . $status['requests']);
    ['hooks' => $hooks] = $status;
    $skipped = $bytes('skipping');
    is_true($skipped > 0, 'the mix skips nothing');
    same(['run' => HOOKS * ($status['requests'] - $skipped), 'skipped' => HOOKS * $skipped], ['run' => $hooks['run'], 'skipped' => $hooks['skipped']], 'hooks');
    same($hooks['run'], HOOKS * $hooks['failed'], 'hooks that throw');
    eventually('hooks recorded by the application', fn (): bool => $bytes('begun') - $skipped === $bytes('reset'));
    same([0, 0], [$status['restarts'], $status['left_behind']['session']], 'restarts, sessions');
    // The second half holds no more memory than the first one did. Go's collector and malloc free some of it late.
    [$first, $second] = array_chunk($samples, 5);
    is_true(max(array_column($second, 'KiB')) <= max(array_column($first, 'KiB')) + 16_384, 'KiB of the process: ' . show($samples));
    is_true(max(array_column($second, 'heap')) <= max(array_column($first, 'heap')) + 65_536, "bytes of Pillion's: " . show($samples));
});
