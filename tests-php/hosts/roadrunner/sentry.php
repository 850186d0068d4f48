<?php

// A stop of RoadRunner leaves no envelope that the next start would not send.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/dead_sentry.php';

test('a stop with Sentry stalled loses nothing: the next start sends the envelopes', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sandbox->set('sentry_transport_timeout', '500ms');
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 16]);
    $host = new RoadRunner($sandbox);
    $answers = Http::many(array_map(fn (int $i): string => $host->url('sentry', from: (string) ($i * 50), count: '50'), range(0, 9)), 4);
    $accepted = array_merge(...array_map(fn (array $answer): array => Http::decode($answer)['answer'], $answers));
    same(500, count($accepted));
    $host->process->signal(SIGTERM);
    $host->process->wait(30);
    $next = new RoadRunner($sandbox);
    $accepted = [...$accepted, ...$next->ask('sentry', from: '900000', count: '1')['answer']];
    $sentry->await($accepted);
    sort($accepted, SORT_STRING);
    same($accepted, $sentry->events());
    same(0, $sentry->counter('invalid'));
});

test('requests do not wait for a Sentry that does not answer', function (Sandbox $sandbox): void {
    requests_do_not_wait_for_sentry($sandbox, fn (): RoadRunner => new RoadRunner($sandbox));
});
