<?php

// Envelopes outlive php-fpm's children, however these end.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/dead_sentry.php';

/**
 * Makes requests of fifty envelopes each have this many accepted.
 *
 * @return list<string> their ids
 */
function storm(Fpm $host, int $requests, ?\Closure $meanwhile = null): array
{
    $answers = $host->many(array_map(fn (int $i): array => ['sentry', ['from' => (string) ($i * 50), 'count' => '50']], range(0, $requests - 1)), 3, 30, $meanwhile);
    $good = array_filter($answers, fn (array $answer): bool => $answer['status'] === 200);

    return array_merge(...array_map(fn (array $answer): array => json_decode($answer['body'], true)['answer'], array_values($good)));
}

test('envelopes that killed children had accepted are sent by the others', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 12]);
    $host = new Fpm($sandbox);
    $killed = 0;
    $accepted = storm($host, 30, function () use ($host, &$killed): void {
        if ($killed < 4 && ($workers = $host->workers()) !== []) {
            posix_kill($workers[array_rand($workers)], SIGKILL) && $killed++;
            usleep(30_000);
        }
    });
    same(4, $killed);
    is_true(count($accepted) > 500, count($accepted) . ' were accepted');
    // The remaining first children are killed too, with their stalled deliveries.
    foreach ($host->workers() as $pid) {
        posix_kill($pid, SIGKILL);
    }
    $host->awaitAnswer();
    $host->ask('sentry', from: '900000', count: '1');
    $sentry->await($accepted);
});

test('a stop by SIGTERM loses nothing: the next process adopts the outbox', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sandbox->set('sentry_transport_timeout', '500ms');
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 12]);
    $host = new Fpm($sandbox);
    $accepted = storm($host, 12);
    same(600, count($accepted));
    $host->process->signal(SIGTERM);
    same(0, $host->process->wait(20));
    $next = new Fpm($sandbox, name: 'next');
    $accepted = [...$accepted, ...$next->ask('sentry', from: '900000', count: '1')['answer']];
    $sentry->await($accepted);
    // Neither more nor fewer than the accepted ones.
    sort($accepted, SORT_STRING);
    same($accepted, $sentry->events());
    same(0, $sentry->counter('invalid'));
});

test('children that end after some requests leave nothing behind', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $host = new Fpm($sandbox, ['www' => ['pm.max_requests = 3']]);
    $accepted = storm($host, 40);
    same(2000, count($accepted));
    $sentry->await($accepted);
    sort($accepted, SORT_STRING);
    same($accepted, $sentry->events());
    eventually('only outboxes of living processes', fn (): bool => count(glob($sandbox->setting('run_dir') . '/sentry/*.lock')) <= 3);
});

test('requests do not wait for a Sentry that does not answer', function (Sandbox $sandbox): void {
    requests_do_not_wait_for_sentry($sandbox, fn (): Fpm => new Fpm($sandbox));
});
