<?php

// Envelopes without disk space or without a directory: they are accepted, kept in memory, and the condition is logged.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/mounts.php';
in_own_mounts(__FILE__);

/** Sends the requested number and reports the number accepted; then flushes, and reports the counters. */
const SENDER = <<<'PHP'
    report('ready');
    $from = 0;
    while (($count = (int) fgets(STDIN)) > 0) {
        $taken = [];
        for ($n = $from; $n < $from + $count; ++$n) {
            $id = sprintf('%032x', $n);
            $payload = json_encode(['message' => str_repeat('x', 2000)]);
            Pillion\Sentry\send("{\"event_id\":\"{$id}\"}\n{\"type\":\"event\"}\n{$payload}") && $taken[] = $id;
        }
        $from += $count;
        report('taken', $taken);
    }
    report('flushed', [Pillion\Sentry\flush(60), Pillion\Sentry\metrics(), Pillion\Sentry\status()['queue']]);
    PHP;

/** @return list<string> */
function send(Process $sender, int $count): array
{
    $sender->writeLine((string) $count);

    return $sender->receive('taken', 60);
}

test('a full tmpfs for outboxes costs durability and no envelope', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sandbox->set('sentry_transport_timeout', '500ms');
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 0]);
    $run = Mount::tmpfs("{$sandbox->directory}/full", 'size=6m');
    $sandbox->set('run_dir', $run->path . '/run');
    mkdir($run->path . '/run', 0o700);
    $sender = $sandbox->php(SENDER);
    $sender->receive('ready');
    $taken = send($sender, 100);
    $run->leaveFree(0);
    $taken = [...$taken, ...send($sender, 4000)];
    same(4100, count($taken));
    same(1, substr_count($sender->errors(), 'envelopes in memory only'), $sender->errors());
    $run->free();
    $sentry->behave();
    $sender->writeLine('0');
    [$flushed, $metrics, $queue] = $sender->receive('flushed', 90);
    same(true, $flushed);
    same($taken, $sentry->events());
    same([4100, 0, 0, 0], [$metrics['events_accepted'], $metrics['events_dropped'], $metrics['events_failed'], $queue['queue_length']]);
    same(0, $sentry->counter('invalid'));
    same(0, $sender->wait(20));
    same([], array_values(array_diff(scandir($run->path . '/run/sentry'), ['.', '..'])));
});

test('envelopes without a state directory are kept in memory and sent, with a log line', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    // Even root can't write here.
    $sandbox->set('state_dir', '/proc/nowhere');
    $sandbox->set('sentry_durability', 'disk');
    $sender = $sandbox->php(SENDER);
    $sender->receive('ready');
    $taken = send($sender, 50);
    same(50, count($taken));
    $sender->writeLine('0');
    [$flushed, , $queue] = $sender->receive('flushed', 90);
    same([true, false], [$flushed, $queue['durable']]);
    same($taken, $sentry->events());
    is_true(str_contains($sender->errors(), 'envelopes stay in memory'), $sender->errors());
    same(0, $sender->wait(20));
});
