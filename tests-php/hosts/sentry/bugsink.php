<?php

// A real server of Sentry's protocol, which stores its events: Bugsink. The tests read its database.

declare(strict_types=1);

namespace Pillion\Tests;

use Bugsink;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../../../examples/Bugsink.php';

test('events of capture(), send() and plugin calls are stored by a real server', function (Sandbox $sandbox): void {
    $bugsink = new Bugsink();
    $sandbox->set('sentry_dsn', $bugsink->dsn);
    $process = $sandbox->php("require '" . __DIR__ . "/../../../php/tests/load.php';\n" . <<<'PHP'
        // As sentry-php writes them: no length, slashes escaped, no newline at the end.
        $header = ['event_id' => bin2hex(random_bytes(16)), 'sent_at' => gmdate('Y-m-d\TH:i:s\Z'), 'dsn' => ini_get('pillion.sentry_dsn'), 'sdk' => ['name' => 'sentry.php', 'version' => '4.29.0', 'packages' => []]];
        $event = ['timestamp' => microtime(true), 'platform' => 'php', 'sdk' => $header['sdk'], 'level' => 'warning', 'exception' => ['values' => [['type' => 'LogicException', 'value' => "two\nlines / one slash"]]]];
        $envelope = implode("\n", array_map(json_encode(...), [$header, ['type' => 'event', 'content_type' => 'application/json'], $event]));
        report('captured', Pillion\Sentry\capture(['message' => 'the disk is full', 'level' => 'fatal', 'tags' => ['disk' => '/srv']]));
        report('sent', Pillion\Sentry\send($envelope) ? $header['event_id'] : null);
        report('called', (new Pillion\Bridge\RoadRunner\Rpc())->call('sentry_transport.SendEvent', ['event_id' => uniqid('sentry_', true), 'type' => 'event', 'payload' => '{"message":"by RPC","platform":"php","timestamp":"' . gmdate('c') . '"}'])['success']);
        report('flushed', Pillion\Sentry\flush(60));
        report('metrics', Pillion\Sentry\metrics());
        PHP);
    $ids = [$process->receive('captured'), $process->receive('sent')];
    same(true, $process->receive('called'));
    same(true, $process->receive('flushed', 70));
    $metrics = $process->receive('metrics');
    same([3, 0], [$metrics['events_sent'], $metrics['events_failed']]);
    $events = array_column($bugsink->await(3), null, 'event_id');
    same('the disk is full', $events[$ids[0]]['data']['message']);
    same(['pillion', 'fatal'], [$events[$ids[0]]['sdk_name'], $events[$ids[0]]['level']]);
    same(['LogicException', "two\nlines / one slash"], [$events[$ids[1]]['calculated_type'], $events[$ids[1]]['data']['exception']['values'][0]['value']]);
    $other = array_values(array_diff_key($events, array_flip($ids)));
    same(['by RPC'], array_map(fn (array $event): string => $event['data']['message'], $other));
});

test('a wrong key is refused once by a real server, and no further request is made', function (Sandbox $sandbox): void {
    $bugsink = new Bugsink();
    $sandbox->set('sentry_dsn', preg_replace('~//\w+@~', '//' . str_repeat('0', 32) . '@', $bugsink->dsn));
    $process = $sandbox->php(<<<'PHP'
        Pillion\Sentry\capture(['message' => 'nobody may see this']);
        report('flushed', Pillion\Sentry\flush(60));
        report('metrics', Pillion\Sentry\metrics());
        PHP);
    same(true, $process->receive('flushed', 70));
    $metrics = $process->receive('metrics');
    same([0, 1, 0], [$metrics['events_sent'], $metrics['events_failed'], $metrics['total_retries']]);
    same([], $bugsink->events());
});

test('the example shows three errors in a server that it starts', function (Sandbox $sandbox): void {
    $command = $sandbox->phpCommand(['auto_prepend_file' => '', 'pillion.log_level' => 'warn']);
    putenv('PILLION_SO=' . getenv('TESTED_SO'));
    $process = $sandbox->start('the example', [...$command, \dirname(__DIR__, 3) . '/examples/sentry.php']);
    same(0, $process->wait(120));
    $output = $process->output();
    foreach (['Handed over as ', 'killed by signal 9', 'the card was refused for 42', 'the card was refused for 99', 'the second one', 'in pay(), sentry.php:'] as $part) {
        is_true(str_contains($output, $part), "{$part}: {$output}");
    }
});
