<?php

// A process of the outbox' world: sends envelopes and notes the number of each after send() has said that it was taken,
// so that its death at any instant leaves no doubt about what was promised. Arguments: role, life, seed, ledger, count.
//
// `fill`: sends at once, one large one among them, and waits to be killed; `storm`: the same in bursts; `one`: waits until
// it is told to go, sends, and ends; `heir`: adopts and replays until nothing waits, and tells what was counted; `keeper`:
// adopts until it is killed or its parent is gone.

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
    // One chain or another; all have an id, by which the receiver knows them.
    $type = ['event', 'event', 'transaction', 'check_in', 'profile', 'replay_event'][$n % 6];
    $body = str_repeat(chr(97 + $n % 26), $bytes);
    $payload = json_encode(['extra' => ['body' => $body, 'sum' => hash('crc32b', $body)]]);

    return sprintf("{\"event_id\":\"%016x%016x\"}\n{\"type\":\"%s\",\"length\":%d}\n%s", $life, $n, $type, strlen($payload), $payload);
}

/** Nothing waits on the whole host, whoever had accepted it. */
function drained(): bool
{
    return Sentry\flush(0.2) && Sentry\status()['queue']['queue_length'] === 0;
}

if ($role === 'heir' || $role === 'keeper') {
    Sentry\status();
    stream_set_blocking(STDIN, false);
    say('ready');
    [$rests, $sent, $deadline] = [0, -1, 0];
    while (!($role === 'keeper' && feof(STDIN))) {
        fgets(STDIN);
        $rests = drained() && Sentry\replay() === 0 ? $rests + 1 : 0;
        $before = $sent;
        $sent = Sentry\metrics()['events_sent'];
        if ($sent !== $before) {
            // It goes on.
            $deadline = microtime(true) + 30;
        }
        if ($role === 'heir' && microtime(true) > $deadline) {
            break;
        }
        // What a death has left a moment ago is found within a second or two; what it left half made, later.
        $left = glob(ini_get('pillion.run_dir') . '/*.tmp') ?: glob(ini_get('pillion.state_dir') . '/sentry/dead/*.tmp');
        if ($role === 'heir' && $rests > 2 && Pillion\status()['host']['steward'] && count(glob(ini_get('pillion.run_dir') . '/sentry/*.lock')) <= 1 && $left === []) {
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
}
say('done');
if ($role !== 'one') {
    // Killed, or its parent is gone.
    fgets(STDIN);
}
