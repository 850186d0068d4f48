<?php

// Restarts of a FrankenPHP that also changes its number of threads by itself: threads are added under load, and end
// after some requests.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/load.php';

/** The environment variable raises the number. */
define('RESTARTS', (int) (getenv('ROUNDS') ?: 12));

test(sprintf('%d restarts under load while threads are added and end leave nothing behind', RESTARTS), function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.1);
    $host = new FrankenPhp($sandbox, ['threads' => 2, 'frankenphp' => "max_threads 10\n        max_requests 7"]);
    under_load($sandbox, $host, 3, restart_amid_a_build($host));
    $host->ask('build', name: 'before');
    $before = $host->settled();
    $memory = memory($host->pid);
    $statuses = under_load($sandbox, $host, RESTARTS, restart_amid_a_build($host));
    no_request_is_lost($statuses);
    same(true, $host->ask('build', name: 'after')['answer']['good'] ?? null);
    // Threads that FrankenPHP has added stay, and each may have a notifier.
    $after = $host->settled();
    note(show(['answers' => $statuses, 'before' => $before, 'after' => $after, 'KiB more' => memory($host->pid) - $memory]));
    same($before['threads'], $after['threads'], 'threads');
    is_true($after['descriptors'] <= $before['descriptors'] + 20, show([$before, $after]));
    is_true(memory($host->pid) - $memory < 48 * 1024, 'resident KiB: ' . show([$memory, memory($host->pid)]));
    same(1, count(glob($sandbox->setting('run_dir') . '/presence/*')), 'presences');
});
