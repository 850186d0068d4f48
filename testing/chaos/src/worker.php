<?php

// A process that a chaos scenario starts, kills and starts again. It repeats the operations of its role, in an order
// that its seed determines, until a line arrives on standard input or its parent is gone. It prints `+` before each
// operation, `-` after it, `x` if it throws, and `!` if an invariant does not hold. Arguments: role, seed, number,
// life, configurations, directory of files.

declare(strict_types=1);

use Pillion\Artifact;
use Pillion\Artifacts;
use Pillion\Future;
use Pillion\Velox;

const KEYS = 24;
/** Maximum duration of a build in seconds; other operations need far less. */
const DEADLINE = 120.0;
/** Seconds by which a job may exceed its deadline on a busy machine. */
const SLACK = 20.0;

[, $role, $seed, $number, $life, $configurations, $files] = $argv;
mt_srand((int) $seed);
$operations = 0;

function say(string $line): void
{
    fwrite(STDOUT, $line . "\n");
}

/** @return array<string, mixed> */
function configuration(int $n, array $more = []): array
{
    return $more + [
        'rr_version' => "v2025.1.{$n}",
        'target_platform' => ['os' => 'linux', 'arch' => 'amd64'],
        'plugins' => [['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.2.7']],
    ];
}

/** Its id identifies the process at the server. */
function request(int $n, array $more = []): array
{
    global $number, $life, $operations;

    return configuration($n, $more + ['request_id' => sprintf('%08x-%04x-4000-8000-%06x%06x', $number, $n, (int) $life & 0xffffff, $operations & 0xffffff)]);
}

function key_of(int $n): string
{
    return sprintf('f00d%012x', $n);
}

/** Checks that a binary has the bytes of its hash, and a name with the start of it. */
function look(?Artifact $artifact, string $key): string
{
    if ($artifact === null) {
        return 'none';
    }
    $path = $artifact->path;
    $bytes = @file_get_contents($path);
    if ($bytes === false) {
        return 'gone';
    }
    $hash = hash('sha256', $bytes);
    if ($artifact->key !== $key || $hash !== $artifact->sha256 || strlen($bytes) !== $artifact->size || !str_contains(basename($path), substr($hash, 0, 8))) {
        say("! wrong-binary asked for {$key}, got {$artifact->key} at {$path}: " . strlen($bytes) . " bytes of {$hash}, said to be {$artifact->size} of {$artifact->sha256}");
    }
    if (str_starts_with($key, 'f00d') && !str_starts_with($bytes, "{$key} ")) {
        say("! wrong-binary {$path} holds what was put under another key: " . substr($bytes, 0, 24));
    }

    return "is {$artifact->key} {$artifact->sha256}";
}

/** Waits for a job; one that is not done after its deadline hangs. */
function awaited(Future $future): mixed
{
    try {
        return $future->wait(DEADLINE + SLACK);
    } catch (Pillion\TimeoutException $thrown) {
        $future->isDone() || say('! late-job job ' . $future->id() . ' is ' . $future->state() . ' after its deadline');
        throw $thrown;
    }
}

function put(int $n): string
{
    global $files, $number, $life, $operations;
    $sizes = [64, 5_000, 70_000, 3_000_000];
    $source = "{$files}/{$number}";
    file_put_contents($source, str_pad(key_of($n) . " {$number} {$life} {$operations} ", $sizes[mt_rand(0, 99) > 96 ? 3 : mt_rand(0, 2)], 'pillion '));
    $future = Artifacts\put(key_of($n), $source, ['replace' => (bool) mt_rand(0, 1)]);

    return look(awaited($future), key_of($n));
}

function cancelled(int $n): string
{
    $future = Velox\build(request($n, ['force_rebuild' => (bool) mt_rand(0, 1)]));
    usleep(mt_rand(0, 400_000));
    $future->cancel();

    return $future->state();
}

/**
 * Calls `increment()`; the file of this worker has a `+` for each call that begins, and a `-` for each that has
 * returned. Each life has a series of its own, up to sixteen, so that kills meet calls that create one as well.
 */
function counted(int $calls): string
{
    global $files, $number, $life;
    static $file = null;
    $file ??= fopen("{$files}/{$number}.calls", 'a');
    for ($i = 0; $i < $calls; $i++) {
        fwrite($file, '+');
        Pillion\Metrics\increment('chaos_calls_total', ['worker' => $number, 'life' => $life % 16]);
        fwrite($file, '-');
    }

    return "counted {$calls}";
}

/** Runs the operation of that name. */
function run(string $operation, int $n): string
{
    return match ($operation) {
        'build' => look(awaited(Velox\build(request($n), DEADLINE)), Velox\key(request($n))),
        'force' => look(awaited(Velox\build(request($n, ['force_rebuild' => true]), DEADLINE)), Velox\key(request($n))),
        'cancel' => cancelled($n),
        'find' => look(Velox\find(configuration($n)), Velox\key(configuration($n))),
        'drop' => Artifacts\forget(Velox\key(configuration($n))) ? 'dropped' : 'none',
        'put' => put($n),
        'get' => look(Artifacts\find(key_of($n)), key_of($n)),
        'forget' => Artifacts\forget(key_of($n)) ? 'forgotten' : 'none',
        'clean' => 'cleaned ' . awaited(Artifacts\clean())['entries_remaining'],
        'entries' => 'entries ' . count(Artifacts\entries(1000)),
        'status' => 'workers ' . count(Pillion\status()['host']['workers']),
        'builds' => 'builds ' . count(Velox\builds()),
        'count' => counted(mt_rand(1, 1_000)),
        'rest' => usleep(mt_rand(1_000, 60_000)) ?? 'rested',
    };
}

/** Chooses one, with these relative frequencies. */
function one_of(array $weights): string
{
    $left = mt_rand(1, array_sum($weights));
    foreach ($weights as $operation => $weight) {
        if (($left -= $weight) <= 0) {
            return $operation;
        }
    }
    throw new LogicException('nothing to do');
}

if ($role === 'asker') {
    // One of many that request at the same time, once.
    say('ready');
    fgets(STDIN);
    $n = $number % $configurations;
    say("+ build {$n}");
    try {
        say('- ' . run('build', $n));
    } catch (Throwable $thrown) {
        say('x ' . get_class($thrown) . ' ' . strtok($thrown->getMessage(), "\n"));
    }
    exit;
}

$weights = match ($role) {
    'builder' => ['build' => 50, 'force' => 10, 'cancel' => 12, 'find' => 10, 'drop' => 18],
    'waiter' => ['build' => 80, 'drop' => 20],
    'writer' => ['put' => 60, 'forget' => 30, 'get' => 10],
    'cleaner' => ['clean' => 40, 'entries' => 30, 'status' => 10, 'put' => 20],
    'reader' => ['find' => 35, 'get' => 35, 'entries' => 10, 'builds' => 5, 'status' => 5, 'rest' => 10],
    // All operations, so that every failpoint is reached.
    'life' => ['put' => 25, 'forget' => 15, 'get' => 5, 'build' => 20, 'force' => 5, 'cancel' => 10, 'drop' => 10, 'clean' => 8, 'status' => 2],
    'counter' => ['count' => 1],
    // Waits for one build after the other.
    'successor' => ['build' => 1],
};

stream_set_blocking(STDIN, false);
say('ready');
while (fgets(STDIN) === false && !feof(STDIN)) {
    $operation = one_of($weights);
    $operations++;
    $n = match (true) {
        in_array($operation, ['put', 'get', 'forget'], true) => mt_rand(0, KEYS - 1),
        // Waiters request few configurations, and so share builds.
        $role === 'waiter' => mt_rand(0, min(2, $configurations - 1)),
        default => mt_rand(0, $configurations - 1),
    };
    say("+ {$operation} {$n}");
    try {
        counted(3);
        say('- ' . run($operation, $n));
    } catch (Throwable $thrown) {
        say('x ' . get_class($thrown) . ' ' . strtok($thrown->getMessage(), "\n"));
    }
    usleep(mt_rand(0, 4_000));
}
say('bye');
