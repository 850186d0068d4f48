<?php

// An application that uses RoadRunner's Sentry plugin keeps its calls, and the extension answers them. The settings are
// the plugin's own file.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

const LOAD = "require '" . __DIR__ . "/../../../php/tests/load.php';\nuse Pillion\Bridge\RoadRunner\Rpc;\n";

/** A program, and the Sentry that a `.rr.yaml` names. */
function application(Sandbox $sandbox, string $code, string $more = ''): array
{
    $sentry = $sandbox->sentry();
    $sandbox->unset('sentry_dsn');
    file_put_contents("{$sandbox->directory}/.rr.yaml", <<<YAML
        version: "3"
        server:
          command: "php worker.php"
        sentry_transport:
          enabled: true
          dsn: {$sentry->dsn}
          transport: {timeout: 30s, connect_timeout: 10s, compression: true, ssl_verify: true}
          queue: {workers: 4, batch_size: 10, batch_timeout: 5s}
          logging: {level: info}
        {$more}
        YAML);
    $sandbox->set('config', "{$sandbox->directory}/.rr.yaml");

    return [$sentry, $sandbox->php(LOAD . $code)];
}

test('SendEvent answers as the plugin does, and the event arrives', function (Sandbox $sandbox): void {
    [$sentry, $process] = application($sandbox, <<<'PHP'
        $rpc = new Rpc();
        $send = fn (array $event): array => $rpc->call('sentry_transport.SendEvent', $event);
        report('good', $send(['event_id' => 'FC6D8C0C-43FC-4630-AD85-0EE518F1B9D0', 'type' => 'event', 'payload' => '{"message":"boom","tags":{},"x":1.0}']));
        report('odd', $send(['event_id' => 'sentry_65f0a1b2c3d4e5.12345678', 'type' => 'event', 'payload' => '{"event_id":"sentry_65f0a1b2c3d4e5.12345678","message":"boom"}']));
        report('transaction', $rpc->withServicePrefix('sentry_transport')->call('sendEvent', ['event_id' => str_repeat('a', 32), 'type' => 'transaction', 'payload' => '{"type":"transaction","spans":[]}']));
        report('envelope', $send(['event_id' => str_repeat('b', 32), 'type' => 'event', 'payload' => '{"event_id":"' . str_repeat('b', 32) . '","dsn":"https:\/\/other@sentry.example\/9"}' . "\n{\"type\":\"event\"}\n{\"message\":\"whole\"}"]));
        foreach ([['type' => 'event', 'payload' => '{}'], ['event_id' => 'a', 'payload' => '{}'], ['event_id' => 'a', 'type' => 'event'], ['event_id' => 'a', 'type' => 'event', 'payload' => 'no json'], null] as $wrong) {
            report('wrong', $rpc->call('sentry_transport.SendEvent', $wrong));
        }
        report('flush', Pillion\Sentry\flush(30));
        PHP);
    same(['success' => true, 'event_id' => 'FC6D8C0C-43FC-4630-AD85-0EE518F1B9D0', 'error' => '', 'rate_limit' => false], $process->receive('good'));
    same(['success' => true, 'event_id' => 'sentry_65f0a1b2c3d4e5.12345678', 'error' => '', 'rate_limit' => false], $process->receive('odd'));
    same(true, $process->receive('transaction')['success']);
    same(true, $process->receive('envelope')['success']);
    foreach (['event ID is required', 'event type is required', 'event payload is required', 'event payload is not valid JSON', 'event ID is required'] as $i => $error) {
        same(['success' => false, 'event_id' => $i === 0 || $i === 4 ? '' : 'a', 'error' => $error, 'rate_limit' => false], $process->receive('wrong'));
    }
    same(true, $process->receive('flush'));
    same(0, $sentry->counter('invalid'));
    $seen = array_column(array_map(fn (array $seen): array => [$seen['header']['event_id'], $seen['items'][0], $seen['path']], $sentry->seen()), null, 0);
    same(4, count($seen));
    same('boom', $seen['fc6d8c0c43fc4630ad850ee518f1b9d0'][1][1]['message']);
    same('transaction', $seen[str_repeat('a', 32)][1][0]['type']);
    same('/api/1/envelope/', $seen[str_repeat('b', 32)][2]);
    $odd = array_diff(array_keys($seen), ['fc6d8c0c43fc4630ad850ee518f1b9d0', str_repeat('a', 32), str_repeat('b', 32)]);
    $odd = (string) reset($odd);
    is_true(preg_match('/^[0-9a-f]{12}5[0-9a-f]{3}[89ab][0-9a-f]{15}$/D', $odd) === 1, "the id {$odd} is a UUID of version 5");
    same($odd, $seen[$odd][1][1]['event_id']);
});

test('SendEvent takes any content of a payload', function (Sandbox $sandbox): void {
    [$sentry, $process] = application($sandbox, <<<'PHP'
        $send = fn (mixed $payload): bool => (new Rpc())->call('sentry_transport.SendEvent', ['event_id' => bin2hex(random_bytes(16)), 'type' => 'event', 'payload' => $payload])['success'];
        report('good', [$send(['message' => "\xff", 'extra' => ['x' => INF]]), $send('{"message":"' . "\xff" . '"}')]);
        report('flush', Pillion\Sentry\flush(30));
        PHP);
    same([true, true], $process->receive('good'));
    same(true, $process->receive('flush'));
    $seen = array_map(fn (array $seen): array => $seen['items'][0][1], $sentry->seen());
    same(["\u{fffd}", "\u{fffd}"], array_column($seen, 'message'));
    same([[null]], array_map(array_values(...), array_values(array_filter(array_column($seen, 'extra')))));
});

test('SendBatch answers for each event, and an id is always sent as the same one', function (Sandbox $sandbox): void {
    [$sentry, $process] = application($sandbox, <<<'PHP'
        $events = array_map(fn (int $n): array => ['event_id' => "id {$n}", 'type' => 'event', 'payload' => json_encode(['message' => "m{$n}"])], range(1, 25));
        $rpc = new Rpc();
        report('answers', $rpc->call('sentry_transport.SendBatch', $events));
        $rpc->call('sentry_transport.SendEvent', $events[0]);
        Pillion\Sentry\flush(30);
        report('end');
        PHP);
    $answers = $process->receive('answers');
    same(array_map(fn (int $n): string => "id {$n}", range(1, 25)), array_column($answers, 'event_id'));
    same([true], array_values(array_unique(array_column($answers, 'success'))));
    $process->receive('end');
    same([25, 26], [count($sentry->events()), $sentry->counter('taken')]);
});

test('a rate limit is reported as the plugin would', function (Sandbox $sandbox): void {
    [$sentry, $process] = application($sandbox, <<<'PHP'
        ready();
        $rpc = new Rpc();
        $event = ['event_id' => str_repeat('c', 32), 'type' => 'event', 'payload' => '{}'];
        report('first', $rpc->call('sentry_transport.SendEvent', $event));
        Pillion\Sentry\flush(30);
        report('second', $rpc->call('sentry_transport.SendEvent', $event));
        report('other', $rpc->call('sentry_transport.SendEvent', ['type' => 'transaction'] + $event));
        report('status', $rpc->call('sentry_transport.GetStatus', true));
        Pillion\Sentry\flush(30);
        report('metrics', $rpc->call('sentry_transport.GetMetrics', true));
        PHP);
    $process->receive('ready');
    $sentry->behave(['status' => 429, 'headers' => [['X-Sentry-Rate-Limits', '60:error:organization']]]);
    $process->writeLine();
    same(true, $process->receive('first')['success']);
    same(['success' => false, 'event_id' => str_repeat('c', 32), 'error' => 'rate limited', 'rate_limit' => true], $process->receive('second'));
    same(true, $process->receive('other')['success']);
    $status = $process->receive('status');
    same(['enabled', 'dsn_set', 'queue', 'rate_limits'], array_keys($status));
    same(['queue_length', 'retry_queue_length', 'workers', 'closed'], array_keys($status['queue']));
    same([true, true, 4, false], [$status['enabled'], $status['dsn_set'], $status['queue']['workers'], $status['queue']['closed']]);
    $until = strtotime($status['rate_limits']['error']);
    is_true($until > time() + 30 && $until <= time() + 61, "error: {$status['rate_limits']['error']}");
    $metrics = $process->receive('metrics');
    same(['events_sent', 'events_failed', 'events_rate_limit', 'queue_length', 'total_retries'], array_keys($metrics));
    same([1, 0, 2, 0, 0], array_values($metrics));
});

test('all other calls go to the real connection, with its service and codec', function (Sandbox $sandbox): void {
    [, $process] = application($sandbox, <<<'PHP'
        use Spiral\Goridge\RPC\{CodecInterface, RPCInterface};

        final class Codec implements CodecInterface
        {
            public function getIndex(): int { return 0; }
            public function encode(mixed $payload): string { return ''; }
            public function decode(string $payload, mixed $options = null): mixed { return null; }
        }
        final class Real implements RPCInterface
        {
            public ?string $service = null;
            public ?CodecInterface $codec = null;
            public function withServicePrefix(string $service): RPCInterface { $new = clone $this; $new->service = $service; return $new; }
            public function withCodec(CodecInterface $codec): RPCInterface { $new = clone $this; $new->codec = $codec; return $new; }
            public function call(string $method, mixed $payload, mixed $options = null): mixed { return [$this->service, $this->codec !== null, $method, $payload, $options]; }
        }
        $rpc = new Rpc(new Real());
        report('plain', $rpc->call('resetter.List', true, 7));
        report('prefixed', $rpc->withCodec(new Codec())->withServicePrefix('kv')->call('Has', ['a']));
        report('ours', $rpc->withServicePrefix('kv')->withServicePrefix('sentry_transport')->call('GetStatus', true)['enabled']);
        report('unknown', outcome(fn () => $rpc->call('sentry_transport.Nonsense', 1)));
        report('none', outcome(fn () => (new Rpc())->call('kv.Has', 1)));
        PHP);
    same([null, false, 'resetter.List', true, 7], $process->receive('plain'));
    same(['kv', true, 'Has', ['a'], null], $process->receive('prefixed'));
    same(true, $process->receive('ours'));
    same('Spiral\Goridge\RPC\Exception\ServiceException', $process->receive('unknown')['class']);
    is_true(str_contains($process->receive('none')['message'], 'kv.Has: no RPC connection was given'), 'the exception names the missing connection');
});

test('a wrong value is reported by key, file and line; calls answer "not configured"', function (Sandbox $sandbox): void {
    [$sentry, $process] = application($sandbox, <<<'PHP'
        report('answer', (new Rpc())->call('sentry_transport.SendEvent', ['event_id' => 'a', 'type' => 'event', 'payload' => '{}']));
        PHP, "  retry:\n    dead_letter_queue: perhaps\n");
    $answer = $process->receive('answer');
    same(false, $answer['success']);
    foreach (['sentry_transport.retry.dead_letter_queue', '.rr.yaml line', 'perhaps'] as $part) {
        is_true(str_contains($answer['error'], $part), "{$answer['error']} names {$part}");
    }
    same(0, $sentry->counter('envelopes'));
});

test('calls of a disabled plugin are answered, and nothing is sent', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $process = $sandbox->php(LOAD . <<<'PHP'
        report('answer', (new Rpc())->call('sentry_transport.SendEvent', ['event_id' => 'a', 'type' => 'event', 'payload' => '{}']));
        report('status', (new Rpc())->call('sentry_transport.GetStatus', true)['enabled']);
        PHP, ini: ['pillion.sentry_enabled' => 'off']);
    same(['success' => false, 'event_id' => 'a', 'error' => 'plugin is disabled or not configured', 'rate_limit' => false], $process->receive('answer'));
    same(false, $process->receive('status'));
    same(0, $sentry->counter('envelopes'));
});
