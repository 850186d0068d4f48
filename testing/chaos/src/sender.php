<?php

// A process of the outbox' scenarios: sends envelopes, and writes the number of each to the ledger once send() has
// accepted it, so that the accepted ones are known after its death at any instant. Arguments: role, life, seed, ledger,
// count.
//
// `fill`: sends at once, one of them large, and waits to be killed; `storm`: the same in bursts; `steady`: slower, none
// of them large; `one`: waits for a line, sends, and ends; `last`: adopts and replays until nothing is queued, and
// prints the counts; `adopter`: adopts until it is killed or its parent is gone.

declare(strict_types=1);

use Pillion\Sentry;

[, $role, $life, $seed, $ledger, $count] = $argv;
mt_srand((int) $seed);

function say(string $line): void
{
    fwrite(STDOUT, $line . "\n");
}

function envelope(int $life, int $n, int $bytes): string
{
    // Different chains; the receiver identifies each by its id.
    $type = ['event', 'event', 'transaction', 'check_in', 'profile', 'replay_event'][$n % 6];
    $body = str_repeat(chr(97 + $n % 26), $bytes);
    $payload = json_encode(['extra' => ['body' => $body, 'sum' => hash('crc32b', $body)]]);

    return sprintf("{\"event_id\":\"%016x%016x\"}\n{\"type\":\"%s\",\"length\":%d}\n%s", $life, $n, $type, strlen($payload), $payload);
}

/** Whether no envelope of any process of the host is queued. */
function drained(): bool
{
    return Sentry\flush(0.2) && Sentry\status()['queue']['queue_length'] === 0;
}

if ($role === 'last' || $role === 'adopter') {
    Sentry\status();
    stream_set_blocking(STDIN, false);
    say('ready');
    [$rests, $sent, $deadline] = [0, -1, 0];
    while (!($role === 'adopter' && feof(STDIN))) {
        fgets(STDIN);
        $rests = drained() && Sentry\replay() === 0 ? $rests + 1 : 0;
        $before = $sent;
        $sent = Sentry\metrics()['events_sent'];
        if ($sent !== $before) {
            // There is progress.
            $deadline = microtime(true) + 30;
        }
        if ($role === 'last' && microtime(true) > $deadline) {
            break;
        }
        // Files of a process that died just now are found within seconds, its half-made ones later.
        $left = glob(ini_get('pillion.run_dir') . '/*.tmp') ?: glob(ini_get('pillion.state_dir') . '/sentry/dead/*.tmp');
        if ($role === 'last' && $rests > 2 && Pillion\status()['host']['leader'] && count(glob(ini_get('pillion.run_dir') . '/sentry/*.lock')) <= 1 && $left === []) {
            break;
        }
        usleep(20_000);
    }
    say(json_encode(Sentry\metrics() + ['queue' => Sentry\status()['queue'], 'letters' => count(Sentry\dead_letters())]));
    exit;
}

$out = fopen($ledger, 'ab');
say('ready');
if ($role === 'one') {
    fgets(STDIN);
}
for ($n = 0; $n < (int) $count; ++$n) {
    $large = $role === 'fill' ? $n === 5 : $role === 'storm' && mt_rand(0, 399) === 0;
    if (Sentry\send(envelope((int) $life, $n, $large ? 1_500_000 : mt_rand(20, 5_000)))) {
        fwrite($out, pack('V', $n));
    }
    if ($role === 'storm' && $n % 10 === 9) {
        usleep(mt_rand(0, 3_000));
    }
    if ($role === 'steady' && $n % 10 === 9) {
        usleep(5_000);
    }
}
say('done');
if ($role !== 'one') {
    // Killed, or its parent is gone.
    fgets(STDIN);
}
