<?php

declare(strict_types=1);

/**
 * Shared code of all benches: samples and their text form, PHP processes with and without the measured extensions, and
 * rows of the table.
 */

/** The configuration of the benches' artifacts. */
const CONFIG = [
    'rr_version' => 'v2025.1.9',
    'target_platform' => ['os' => 'linux', 'arch' => 'amd64'],
    'plugins' => [
        ['module_name' => 'github.com/roadrunner-server/logger/v5', 'tag' => 'v5.1.9'],
        ['module_name' => 'github.com/roadrunner-server/rpc/v5', 'tag' => 'v5.1.9'],
        ['module_name' => 'github.com/roadrunner-server/server/v5', 'tag' => 'v5.2.10'],
        ['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.3.0'],
    ],
];

/** Values of one measurement, repeated; sorted. */
final class Samples
{
    /** @var list<float> */
    private array $values;

    /** @param list<float> $values */
    public function __construct(array $values)
    {
        sort($values);
        $this->values = $values;
    }

    public function median(): float
    {
        return $this->at(0.5);
    }

    /** The smallest value that is not below that share of all values; 0.99 for the 99th percentile. */
    public function at(float $share): float
    {
        return $this->values[max(0, (int) ceil($share * count($this->values)) - 1)];
    }

    /** The difference to another measurement, such as the cost of the loop. */
    public function less(float $cost): self
    {
        return new self(array_map(static fn (float $value): float => $value - $cost, $this->values));
    }

    /** `41 ns (40–44)`: median, least and most. */
    public function tell(string $unit, int $decimals = 0): string
    {
        [$median, $least, $most] = array_map(
            static fn (float $value): string => number_format($value, $decimals),
            [$this->median(), $this->values[0], $this->values[count($this->values) - 1]],
        );

        return $least === $most ? "$median $unit" : "$median $unit ({$least}–{$most})";
    }
}

/**
 * Runs each of the measurements in turn, repeatedly, so that other load on the machine affects all of them alike. The
 * first round warms up and does not count.
 *
 * @param array<string, callable(): float> $measurements
 * @return array<string, Samples>
 */
function rounds(int $rounds, array $measurements): array
{
    $values = [];
    for ($round = 0; $round <= $rounds; $round++) {
        foreach ($measurements as $name => $measure) {
            $value = $measure();
            if ($round > 0) {
                $values[$name][] = $value;
            }
        }
    }

    return array_map(static fn (array $values): Samples => new Samples($values), $values);
}

/** @param list<bool> $met one for each part of the goal */
function row(string $what, string $ours, string $peer, string $compared, string $goal, array $met): void
{
    $verdict = $met === [] ? '' : (in_array(false, $met, true) ? ' ✗' : ' ✓');
    echo "| $what | $ours | $peer | $compared | $goal$verdict |\n";
}

/** `14.9×` */
function times(float $factor): string
{
    return number_format($factor, $factor < 10 ? 2 : ($factor < 100 ? 1 : 0)) . '×';
}

/**
 * A command line that runs PHP without any ini file, with the given extensions, by their names below.
 *
 * @param list<string> $extensions
 * @param array<string, string|int> $settings
 * @return list<string>
 */
function php(array $extensions = [], array $settings = []): array
{
    $given = [
        'pillion' => ['extension' => environment('PILLION_SO')],
        'apcu' => ['extension' => 'apcu', 'apc.enable_cli' => 1],
        'curl' => ['extension' => 'curl'],
        'posix' => ['extension' => 'posix'],
        'igbinary' => ['extension' => peer_file('igbinary')],
        'redis' => ['extension' => peer_file('redis')],
        'yac' => ['extension' => peer_file('yac'), 'yac.enable_cli' => 1, 'yac.values_memory_size' => '32M'],
        'dba' => ['extension' => peer_file('dba')],
    ];
    $command = [PHP_BINARY, '-n', '-d', 'memory_limit=-1'];
    foreach ([...array_map(static fn (string $name): array => $given[$name], $extensions), $settings] as $set) {
        foreach ($set as $name => $value) {
            array_push($command, '-d', "$name=$value");
        }
    }

    return $command;
}

/** The file of a peer that no package installs. */
function peer_file(string $name): string
{
    return getenv('PILLION_PEERS') . "/$name.so";
}

/**
 * Those of the peers that this machine could get.
 *
 * @param list<string> $names
 * @return list<string>
 */
function peers(array $names): array
{
    return array_values(array_filter($names, static fn (string $name): bool => is_file(peer_file($name))));
}

/**
 * Settings that give Pillion its own directories.
 *
 * @return array<string, string>
 */
function places(string $name): array
{
    $state = environment('BENCH_DIR') . "/$name";
    $run = environment('BENCH_RUN_DIR') . "/$name";
    foreach ([$state, $run] as $directory) {
        is_dir($directory) || mkdir($directory, 0o700, true);
    }

    return [
        'pillion.state_dir' => $state,
        'pillion.run_dir' => $run,
        'pillion.velox_cache_dir' => "$state/cache",
        'pillion.log' => "$state/pillion.log",
    ];
}

/**
 * Fills a cache with generated artifacts: in the index alone, or on disk too.
 *
 * @param array<string, string> $places
 */
function fill(array $places, int $count, int $capacity, string $where): void
{
    run([environment('PILLION_FIXTURES'), $places['pillion.velox_cache_dir'], $places['pillion.run_dir'], "$count", "$capacity", $where]);
}

/**
 * Starts the receiver of Sentry's benches; sets its addresses in the environment. It ends with its standard input.
 *
 * @return array{resource, array<int, resource>}
 */
function start_sink(): array
{
    $process = proc_open([environment('PILLION_SINK'), 'listen'], [['pipe', 'r'], ['pipe', 'w']], $pipes);
    if (sscanf((string) fgets($pipes[1]), 'listening %d %d', $http, $agent) !== 2) {
        throw new RuntimeException('pillion-sink does not start');
    }
    putenv("SINK_HTTP=127.0.0.1:$http");
    putenv("SINK_AGENT=127.0.0.1:$agent");

    return [$process, $pipes];
}

/**
 * Millions of operations per second, of that many processes together, which are forked from this one. A pass returns
 * the number of its operations.
 */
function together(int $processes, callable $pass): float
{
    $start = hrtime(true) + 50_000_000;
    $pipes = [];
    for ($i = 0; $i < $processes; $i++) {
        [$pipes[], $child] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        if (pcntl_fork() === 0) {
            $pass();
            while (hrtime(true) < $start) {
            }
            $end = $start + 400_000_000;
            for ($done = 0; ($now = hrtime(true)) < $end;) {
                $done += $pass();
            }
            fwrite($child, (string) ($done / ($now - $start) * 1000));
            exit(0);
        }
        fclose($child);
    }
    $sum = array_sum(array_map(static fn ($pipe): float => (float) stream_get_contents($pipe), $pipes));
    while (pcntl_wait($status) > 0) {
    }

    return $sum;
}

/**
 * Nanoseconds of one operation, the loop taken off.
 *
 * @param list<int|string> $keys
 * @param array<string, callable(list<int|string>): mixed> $passes
 * @return array<string, Samples>
 */
function measured(array $keys, int $repeats, array $passes): array
{
    $passes['loop'] = static function (array $keys): void {
        foreach ($keys as $key) {
            $found = $key;
        }
    };
    $time = static function (callable $pass) use ($keys, $repeats): float {
        $started = processor_time();
        for ($i = 0; $i < $repeats; ++$i) {
            $pass($keys);
        }

        return (processor_time() - $started) / $repeats / count($keys);
    };
    $samples = rounds(9, array_map(static fn (callable $pass): callable => static fn (): float => $time($pass), $passes));
    $loop = $samples['loop']->median();

    return array_map(static fn (Samples $of): Samples => $of->less($loop), $samples);
}

function compare(string $what, Samples $ours, string $peerName, Samples $peer, ?float $factor, float $most = INF): void
{
    $faster = $peer->median() / $ours->median();
    $goal = $factor === null ? '' : "≥ {$factor}×" . ($most < INF ? ", ≤ $most ns" : '');
    $met = $factor === null ? [] : [$faster >= $factor, $ours->median() <= $most];
    row($what, $ours->tell('ns'), "$peerName: {$peer->tell('ns')}", times($faster), $goal, $met);
}

/** The key of generated artifact number n, as pillion-fixtures computes it. */
function fixture_key(int $n): string
{
    return substr(hash('sha256', "fixture-$n"), 0, 16);
}

/**
 * Nanoseconds of processor time of this process, or of its ended child processes. For code that never waits it equals
 * the elapsed time, without the time that other processes take away.
 */
function processor_time(bool $ofChildren = false): float
{
    $usage = getrusage($ofChildren ? 1 : 0);

    return ($usage['ru_utime.tv_sec'] + $usage['ru_stime.tv_sec']) * 1e9 + ($usage['ru_utime.tv_usec'] + $usage['ru_stime.tv_usec']) * 1e3;
}

/** The properties of an `Artifact` without its configuration, as an array for APCu. */
function metadata(string $key): array
{
    return [
        'key' => $key,
        'path' => '/var/lib/pillion/0/.rr-cache/velox-binaries/' . substr($key, 0, 2) . '/' . substr($key, 2, 2) . "/$key.51e2d800.bin",
        'sha256' => hash('sha256', $key),
        'cacheStatus' => 'HIT',
        'size' => 20_938_878,
        'createdAt' => 1_795_251_931.277,
        'expiresAt' => 1_795_856_731.277,
        'accessedAt' => 1_795_251_931.277,
        'buildSeconds' => 30.0,
    ];
}

/**
 * Runs a command to its end and returns its standard output.
 *
 * @param list<string> $command
 */
function run(array $command): string
{
    $process = proc_open($command, [1 => ['pipe', 'w']], $pipes);
    $output = stream_get_contents($pipes[1]);
    fclose($pipes[1]);
    $status = proc_close($process);
    if ($status !== 0) {
        throw new RuntimeException(sprintf("exit code %d: %s\n%s", $status, implode(' ', $command), $output));
    }

    return $output;
}

function environment(string $name): string
{
    $value = getenv($name);

    return is_string($value) && $value !== '' ? $value : throw new RuntimeException("$name is not set; scripts/bench.sh sets it");
}
