<?php

declare(strict_types=1);

/**
 * `Sentry\send` and the work behind it: `sentry.php send|rare|threads|delivered|queued|recovery|dead`. The receiver is
 * pillion-sink, which discards envelopes at full speed. The peers are a curl client like that of sentry-php (a handle
 * per envelope, connections shared and kept alive, gzip), and the same bytes sent to a local agent over an open TCP
 * connection. The cost of reading the clock is subtracted on all sides.
 */

use Pillion\{Sentry, Worker};

require __DIR__ . '/support.php';

match ($argv[1] ?? '') {
    'send' => send(),
    'rare' => rare(),
    'threads' => threads(),
    'delivered' => delivered(),
    'queued' => queued(),
    'recovery' => recovery(),
    'dead' => dead(),
    // In separate processes.
    'queued-one' => queued_one(),
    'recovery-fill' => recovery_fill(),
    'recovery-adopt' => recovery_adopt((int) $argv[2]),
    'dead-one' => print(json_encode(latencies(5000, 50, static fn () => Sentry\send($GLOBALS['envelope'] ??= envelope(9600)), static fn () => usleep(1000)))),
};

/** An envelope of that many bytes, like those of sentry-php: an event with many frames. */
function envelope(int $bytes): string
{
    $frame = static fn (int $n): array => ['filename' => "/src/Controller/Checkout$n.php", 'lineno' => 17 * $n, 'function' => "App\\Controller\\Checkout::step$n", 'in_app' => true, 'pre_context' => ['    {', "        \$this->step($n);"], 'context_line' => "        throw new \\RuntimeException('out of stock: $n');"];
    $make = static fn (array $frames): string => json_encode(['event_id' => str_repeat('a', 32), 'sent_at' => '2026-11-21T10:00:00Z']) . "\n" . '{"type":"event","content_type":"application/json"}' . "\n"
        . json_encode(['platform' => 'php', 'level' => 'error', 'exception' => ['values' => [['type' => 'RuntimeException', 'value' => 'out of stock', 'stacktrace' => ['frames' => $frames]]]]]);
    for ($frames = []; strlen($make([...$frames, $frame(count($frames))])) <= $bytes;) {
        $frames[] = $frame(count($frames));
    }

    return $make($frames) . str_repeat(' ', max(0, $bytes - strlen($make($frames))));
}

/** The cost of reading the clock, in nanoseconds. */
function clock_cost(): float
{
    for ($i = 0, $took = []; $i < 10_000; $i++) {
        $started = hrtime(true);
        $took[] = hrtime(true) - $started;
    }

    return (new Samples($took))->median();
}

/**
 * p50 and p99 of single calls, in microseconds.
 *
 * @param callable(): mixed $call
 * @param callable(): mixed $pause after that many calls
 * @return array{p50: float, p99: float}
 */
function latencies(int $count, int $burst, callable $call, callable $pause): array
{
    for ($i = 0, $took = []; $i < $count; $i++) {
        $started = hrtime(true);
        $call();
        $took[] = hrtime(true) - $started;
        ($i + 1) % $burst === 0 && $pause();
    }
    $samples = (new Samples($took))->less(clock_cost());

    return ['p50' => $samples->at(0.5) / 1000, 'p99' => $samples->at(0.99) / 1000];
}

/** Waits until the outbox of this process is empty. */
function drain(): void
{
    Sentry\flush(60.0) || throw new RuntimeException('the sink does not keep up');
}

/**
 * sentry-php's method in short: a new handle per envelope, on shared connections that are kept alive.
 *
 * @return callable(string): void
 */
function curl_client(string $url): callable
{
    $share = curl_share_init();
    foreach ([CURL_LOCK_DATA_DNS, CURL_LOCK_DATA_CONNECT, CURL_LOCK_DATA_SSL_SESSION] as $data) {
        curl_share_setopt($share, CURLSHOPT_SHARE, $data);
    }

    return static function (string $envelope) use ($share, $url): void {
        $handle = curl_init();
        curl_setopt_array($handle, [
            CURLOPT_URL => $url,
            CURLOPT_HTTPHEADER => ['Content-Type: application/x-sentry-envelope', 'X-Sentry-Auth: Sentry sentry_version=7, sentry_client=sentry.php/4.29.0, sentry_key=bench', 'Content-Encoding: gzip'],
            CURLOPT_USERAGENT => 'sentry.php/4.29.0',
            CURLOPT_TIMEOUT_MS => 5000,
            CURLOPT_CONNECTTIMEOUT_MS => 2000,
            CURLOPT_ENCODING => '',
            CURLOPT_POST => true,
            CURLOPT_POSTFIELDS => gzcompress($envelope, -1, ZLIB_ENCODING_GZIP),
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_HEADERFUNCTION => static fn ($handle, string $line): int => strlen($line),
            CURLOPT_HTTP_VERSION => CURL_HTTP_VERSION_1_1,
            CURLOPT_SHARE => $share,
        ]);
        curl_exec($handle);
    };
}

function sink(): string
{
    return environment('SINK_HTTP');
}

/** @param array<string, array{p50: list<float>, p99: list<float>}> $figures */
function figure(array $figures, string $who, string $share): Samples
{
    return new Samples($figures[$who][$share]);
}

function send(): void
{
    $envelope = envelope(9600);
    $curl = curl_client('http://' . sink() . '/api/1/envelope/');
    $socket = stream_socket_client('tcp://' . environment('SINK_AGENT'), timeout: 5) ?: throw new RuntimeException('no agent');
    $agent = static fn (): bool => fwrite($socket, pack('N', strlen($envelope) + 4) . $envelope) !== false;
    $nothing = static fn (): null => null;
    $figures = [];
    for ($round = 0; $round <= 7; $round++) {
        foreach ([
            'ours' => static fn (): array => latencies(5000, 50, static fn () => Sentry\send($envelope), drain(...)),
            'curl' => static fn (): array => latencies(300, 1, static fn () => $curl($envelope), $nothing),
            'agent' => static fn (): array => latencies(3000, 50, $agent, static fn () => usleep(1000)),
        ] as $who => $measure) {
            $found = $measure();
            if ($round > 0) {
                [$figures[$who]['p50'][], $figures[$who]['p99'][]] = [$found['p50'], $found['p99']];
            }
        }
    }
    foreach (['p50' => 1, 'p99' => 10] as $share => $most) {
        $ours = figure($figures, 'ours', $share);
        foreach (['curl' => ["sentry-php's curl client, keep-alive, loopback", 300], 'agent' => ['the same bytes to a local agent over TCP', 10]] as $who => [$peer, $least]) {
            $other = figure($figures, $who, $share);
            $factor = $other->median() / $ours->median();
            $met = $share === 'p50' ? [$factor >= $least, $ours->median() <= $most] : [$ours->median() <= $most];
            row("`Sentry\\send`, 9.6 KB, $share", $ours->tell('µs', 2), "$peer: {$other->tell('µs', 1)}", times($factor) . ' faster', $share === 'p50' ? "≥ {$least}× faster, ≤ {$most} µs" : "≤ {$most} µs", $met);
        }
    }
}

/** One envelope a request, with so much time between them that caches are cold and the sender may sleep. */
function rare(): void
{
    $envelope = envelope(9600);
    $socket = stream_socket_client('tcp://' . environment('SINK_AGENT'), timeout: 5) ?: throw new RuntimeException('no agent');
    $agent = static fn (): bool => fwrite($socket, pack('N', strlen($envelope) + 4) . $envelope) !== false;
    foreach ([1000 => 500, 50_000 => 40] as $gap => $count) {
        $end = static function () use ($gap): void {
            Worker\request_end();
            usleep($gap);
            Worker\request_begin();
        };
        $figures = [];
        for ($round = 0; $round <= 5; $round++) {
            Worker\request_begin();
            $found = [
                'ours' => latencies($count, 1, static fn () => Sentry\send($envelope), $end),
                'agent' => latencies($count, 1, $agent, $end),
            ];
            Worker\request_end();
            drain();
            foreach ($round > 0 ? $found : [] as $who => ['p50' => $p50, 'p99' => $p99]) {
                [$figures[$who]['p50'][], $figures[$who]['p99'][]] = [$p50, $p99];
            }
        }
        foreach (['p50', 'p99'] as $share) {
            [$ours, $other] = [figure($figures, 'ours', $share), figure($figures, 'agent', $share)];
            row(sprintf('the same once in a request, %d ms between requests, %s', $gap / 1000, $share), $ours->tell('µs', 2), "the same bytes to a local agent over TCP: {$other->tell('µs', 1)}", times($other->median() / $ours->median()) . ' faster', '', []);
        }
    }
}

function threads(): void
{
    $figures = [];
    for ($round = 0; $round <= 3; $round++) {
        foreach ([1, 2, 4] as $threads) {
            $places = places("sentry-threads-$round-$threads");
            [$p50, $p99, $rate] = explode(' ', trim(run([environment('PILLION_SINK'), 'storm', $places['pillion.run_dir'], $places['pillion.state_dir'], 'http://bench@' . sink() . '/1', "$threads", '1', '9600'])));
            if ($round > 0) {
                [$figures[$threads]['p50'][], $figures[$threads]['p99'][], $figures[$threads]['rate'][]] = [$p50 / 1000, $p99 / 1000, $rate / 1e6];
            }
        }
    }
    foreach ($figures as $threads => $of) {
        row(
            sprintf('the same, %d thread%s of one process, without PHP around it', $threads, $threads === 1 ? '' : 's'),
            'p50 ' . (new Samples($of['p50']))->tell('µs', 2) . ', p99 ' . (new Samples($of['p99']))->tell('µs', 2),
            '',
            (new Samples($of['rate']))->tell('million a second of the time that it takes', 2),
            'p50 ≤ 1 µs, p99 ≤ 10 µs',
            [(new Samples($of['p50']))->median() <= 1, (new Samples($of['p99']))->median() <= 10],
        );
    }
}

function delivered(): void
{
    $told = static fn (): int => (int) file_get_contents('http://' . sink() . '/count');
    foreach ([1000 => 30_000, 9600 => 10_000] as $bytes => $count) {
        $envelope = envelope($bytes);
        [$rates, $slow, $cpu, $bare, $bareCpu] = [[], [], [], [], []];
        $length = strlen($envelope);
        $ready = $length < 1200 ? $length : strlen(gzencode($envelope, 1));
        for ($round = 0; $round <= 3; $round++) {
            // A client that does nothing but post, as many at a time.
            [$rate, $us] = array_map(floatval(...), explode(' ', run([environment('PILLION_SINK'), 'post', 'http://' . sink() . '/api/1/envelope/', "$count", "$ready"])));
            $before = $told();
            [$began, $used] = [hrtime(true), processor_time()];
            for ($i = 0, $took = []; $i < $count; $i++) {
                $started = hrtime(true);
                Sentry\send($envelope) || throw new RuntimeException('the outbox is full');
                $took[] = hrtime(true) - $started;
                // Like a server under load: a hundred at a time, on average no faster than they are delivered.
                $i % 100 === 99 && usleep(1000);
                while ($i % 1000 === 999 && Sentry\status()['queue']['here'] > $count / 5) {
                    usleep(1000);
                }
            }
            drain();
            $seconds = (hrtime(true) - $began) / 1e9;
            $told() - $before === $count || throw new RuntimeException(sprintf('%d of %d have come', $told() - $before, $count));
            if ($round > 0) {
                [$rates[], $bare[], $bareCpu[]] = [$count / $seconds, $rate, $us];
                $slow[] = (new Samples($took))->at(0.99) / 1000;
                $cpu[] = (processor_time() - $used) / 1000 / $count;
            }
        }
        [$rates, $slow, $cpu, $bare, $bareCpu] = array_map(static fn (array $of): Samples => new Samples($of), [$rates, $slow, $cpu, $bare, $bareCpu]);
        $share = $rates->median() / $bare->median();
        row(
            sprintf('envelopes of %s KB delivered to a local sink, which takes its share of both cores', number_format($bytes / 1000, 1)),
            sprintf('%s a second, %s of CPU each; p99 of `send` meanwhile %s', $rates->tell(''), $cpu->tell('µs', 1), $slow->tell('µs', 1)),
            sprintf('a bare client of the same HTTP library that posts ready bytes: %s a second, %s of CPU each; the plugin documents 10,000', $bare->tell(''), $bareCpu->tell('µs', 1)),
            times($share),
            '≥ 0.7 of the bare client, p99 ≤ 50 µs',
            [$share >= 0.7, $slow->median() <= 50],
        );
    }
}

/** A process with a Sentry that refuses connections. @return list<string> */
function unreachable(string $name, array $more = []): array
{
    return php(['pillion', 'posix'], $more + places($name) + [
        'pillion.shutdown_timeout' => 0,
        'pillion.sentry_dsn' => 'http://bench@127.0.0.1:1/1',
        'pillion.sentry_queue_buffer_size' => 1_000_000,
        'pillion.sentry_retry_max_attempts' => 100,
        'pillion.sentry_retry_initial_backoff' => '1h',
        'pillion.sentry_retry_max_backoff' => '1h',
    ]);
}

function queued(): void
{
    [$values, $own, $shared] = [[], [], []];
    for ($round = 0; $round <= 3; $round++) {
        [$own[], $shared[]] = array_map(floatval(...), explode(' ', run([...unreachable("sentry-queued-$round"), __DIR__ . '/sentry.php', 'queued-one'])));
        $values[] = end($own) + end($shared);
    }
    $memory = new Samples($values);
    row(
        'memory of 10,000 queued 1 KB events',
        sprintf('%s: the outbox in shared memory %s, the process %s', $memory->tell('MB', 1), (new Samples($shared))->tell('MB', 1), (new Samples($own))->tell('MB', 1)),
        "the plugin's documented 50 MB",
        times(50 / $memory->median()) . ' less',
        '≤ 16 MB',
        [$memory->median() <= 16],
    );
}

/** The growth of this process and its outbox, in MB. */
function queued_one(): void
{
    $private = static fn (): int => (int) preg_replace('~.*^Anonymous: +(\d+) kB.*~ms', '$1', file_get_contents('/proc/self/smaps_rollup')) * 1024;
    $envelope = envelope(1000);
    // The runtime and its buffers are not part of the queue.
    Sentry\send($envelope);
    usleep(200_000);
    $before = [$private(), outbox_bytes()];
    for ($i = 0; $i < 10_000; $i++) {
        Sentry\send($envelope) || throw new RuntimeException('the outbox is full');
    }
    usleep(500_000);
    Sentry\metrics()['queue_length'] === 10_001 || throw new RuntimeException(Sentry\metrics()['queue_length'] . ' wait');
    // Pages of the outbox belong to a file, even if only this process maps them, so no page counts twice.
    printf('%F %F', ($private() - $before[0]) / 1e6, (outbox_bytes() - $before[1]) / 1e6);
}

function outbox_bytes(): int
{
    $bytes = 0;
    foreach (glob(ini_get('pillion.run_dir') . '/sentry/*') as $file) {
        $bytes += stat($file)['blocks'] * 512;
    }

    return $bytes;
}

/** Fills the outbox, and dies of SIGKILL. */
function recovery_fill(): void
{
    $envelope = envelope(9600);
    while (Sentry\metrics()['events_dropped'] === 0) {
        for ($i = 0; $i < 50; $i++) {
            Sentry\send($envelope);
        }
    }
    echo Sentry\metrics()['queue_length'];
    posix_kill(getmypid(), SIGKILL);
}

/** Milliseconds until this process owns all of it. */
function recovery_adopt(int $count): void
{
    $began = hrtime(true);
    while (($adopted = Sentry\metrics()['events_adopted']) < $count) {
        hrtime(true) - $began < 60e9 || throw new RuntimeException("$adopted of $count were adopted within a minute");
        usleep(1000);
    }
    echo (hrtime(true) - $began) / 1e6;
}

function recovery(): void
{
    [$values, $counts] = [[], []];
    for ($round = 0; $round <= 3; $round++) {
        $command = unreachable("sentry-recovery-$round");
        $process = proc_open([...$command, __DIR__ . '/sentry.php', 'recovery-fill'], [1 => ['pipe', 'w']], $pipes);
        $counts[] = (int) stream_get_contents($pipes[1]);
        proc_close($process);
        $values[] = (float) run([...$command, __DIR__ . '/sentry.php', 'recovery-adopt', (string) end($counts)]);
    }
    row(sprintf('adoption of the full outbox (64 MB, %s envelopes) of a killed process', number_format((float) $counts[0])), (new Samples($values))->tell('ms'), '', 'looked for once a second', '', []);
}

function dead(): void
{
    $envelope = envelope(9600);
    $refused = curl_client('http://127.0.0.1:1/api/1/envelope/');
    // Connections are accepted, and no response ever comes.
    $silent = stream_socket_server('tcp://127.0.0.1:0');
    $mute = curl_client('http://' . stream_socket_get_name($silent, false) . '/api/1/envelope/');
    $nothing = static fn (): null => null;
    latencies(50, 1, static fn () => $refused($envelope), $nothing);
    $peer = latencies(300, 1, static fn () => $refused($envelope), $nothing);
    $waits = latencies(1, 1, static fn () => $mute($envelope), $nothing);
    foreach (['refuses connections' => ['http://bench@127.0.0.1:1/1', $peer], 'takes connections and says nothing' => ['http://bench@' . stream_socket_get_name($silent, false) . '/1', $waits]] as $how => [$dsn, $other]) {
        $ours = json_decode(run([...unreachable('sentry-dead-' . strlen($how), ['pillion.sentry_dsn' => $dsn]), __DIR__ . '/sentry.php', 'dead-one']), true);
        row("what a Sentry that $how costs the request, p50", sprintf('%.2f µs (p99 %.2f)', $ours['p50'], $ours['p99']), sprintf("sentry-php's curl client: %s µs", number_format($other['p50'])), times($other['p50'] / $ours['p50']) . ' faster', 'no more than a living one', []);
    }
}
