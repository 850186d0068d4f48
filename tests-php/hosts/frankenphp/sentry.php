<?php

// Four PHP threads write into one outbox, and a restart under load loses nothing.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/every_host.php';

/** @return list<string> URLs of requests that send fifty envelopes each */
function storm(FrankenPhp $host, int $from, int $requests): array
{
    return array_map(fn (int $i): string => $host->url('sentry', from: (string) ($i * 50), count: '50'), range($from, $from + $requests - 1));
}

/** @return list<string> */
function accepted(array $answers): array
{
    $good = array_filter($answers, fn (array $answer): bool => $answer['status'] === 200);

    return array_merge(...array_map(fn (array $answer): array => json_decode($answer['body'], true)['answer'], array_values($good)));
}

test('four threads that write at once lose nothing, and each event arrives once', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $host = new FrankenPhp($sandbox);
    $accepted = accepted(Http::many(storm($host, 0, 60), 8, 60));
    same(3000, count($accepted));
    $sentry->await($accepted);
    same(3000, $sentry->counter('taken'));
});

test('restarts under load lose no envelope', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $host = new FrankenPhp($sandbox);
    $all = [];
    for ($round = 0; $round < 3; $round++) {
        $all = [...$all, ...accepted(Http::many(storm($host, $round * 20, 20), 8, 60))];
        $host->restart();
    }
    is_true(count($all) > 2000, count($all) . ' were accepted');
    $host->ask('sentry', from: '900000', count: '1');
    $sentry->await($all);
});

every_host(fn (Sandbox $sandbox, string $name): FrankenPhp => new FrankenPhp($sandbox, name: $name));

test('a worker without a job adopts the outbox of a dead process', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 0]);
    $dead = new FrankenPhp($sandbox, name: 'dead');
    $accepted = accepted([Http::get($dead->url('sentry', from: '0', count: '50'))]);
    same(50, count($accepted));
    $dead->process->kill();
    $sentry->behave();
    $idle = new FrankenPhp($sandbox, name: 'idle');
    eventually('the envelope has arrived', function () use ($idle, $sentry): bool {
        $idle->ask('hello');

        return count($sentry->events()) >= 50;
    }, 30);
    $sentry->await($accepted);
});
