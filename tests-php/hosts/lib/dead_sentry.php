<?php

// Required of every host while Sentry does not answer: no request waits for it, and no request affects the
// next one.

declare(strict_types=1);

namespace Pillion\Tests;

/** @param \Closure(): (Fpm|RoadRunner|FrankenPhp) $start */
function requests_do_not_wait_for_sentry(Sandbox $sandbox, \Closure $start): void
{
    $sentry = $sandbox->sentry();
    // Longer than the whole test may take, so that a single wait would be visible.
    $sandbox->set('sentry_transport_timeout', '30s');
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 0]);
    $host = $start();
    $accepted = [];
    $begun = microtime(true);
    for ($round = 0; $round < 20; $round++) {
        [$taken, $flushed] = $host->ask('outage', from: (string) ($round * 20), count: '20')['answer'];
        $accepted = [...$accepted, ...$taken];
        same(false, $flushed);
    }
    $seconds = microtime(true) - $begun;
    is_true($seconds < 29, "twenty requests took {$seconds} s");
    same(400, count($accepted));
    $left = array_column($host->ask('status')['answer']['runtime']['jobs'], 'kind');
    same([], array_values(array_diff($left, ['velox.build'])), 'a flush without a waiter is still running');
}
