<?php

// Resources that Pillion takes of a process and gives back: threads, which receive no signal, descriptors and memory.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** @return list<string> its descriptors' targets, without those of the test itself and of standard error */
function open_files(Process $process): array
{
    return array_values(preg_grep('/\.(php|err)$/', descriptors($process->pid), PREG_GREP_INVERT));
}

test('a lookup keeps no descriptor and starts no thread', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $program = $sandbox->php(<<<'PHP'
        report('before');
        fgets(STDIN);
        Pillion\Velox\find(configuration());
        Pillion\Velox\explain(configuration());
        report('looked');
        fgets(STDIN);
        PHP);
    $program->receive('before');
    $before = open_files($program);
    $program->writeLine();
    $program->receive('looked');
    same(1, count(threads($program->pid)), 'threads');
    same($before, open_files($program), 'descriptors');
});

test('the first job starts one permanent thread, and the process ends without residue', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $program = $sandbox->php('Pillion\Velox\build(configuration())->wait(20); report("built"); fgets(STDIN);');
    $program->receive('built');
    // Threads for blocking work end when they are idle.
    eventually('one worker thread, and that of the log', function () use ($program): bool {
        return in_array(our_threads($program->pid), [['pillion'], ['pillion', 'pillion-log']], true);
    }, 20);
    same(1, count(glob($sandbox->setting('run_dir') . '/presence/*')), 'presence files');
    $program->writeLine();
    same(0, $program->wait());
    same([], glob($sandbox->setting('run_dir') . '/presence/*'), 'presence files');
});

test('our threads block all signals except those of faults', function (Sandbox $sandbox): void {
    $sandbox->velox()->delay(2);
    $program = $sandbox->php('$build = Pillion\Velox\build(configuration()); report("started"); $build->wait(20);');
    $program->receive('started');
    $faults = array_reduce([SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP], fn (int $set, int $signal): int => $set | 1 << $signal - 1, 0);
    // These can't be blocked, and are shown as free; 32 and 33 are the C library's own.
    $free = $faults | 1 << SIGKILL - 1 | 1 << SIGSTOP - 1 | 1 << 31 | 1 << 32;
    // A new thread has all of them blocked for a moment.
    eventually('threads that block all signals except those', function () use ($program, $faults, $free): bool {
        $masks = [];
        foreach (glob("/proc/{$program->pid}/task/*/status") as $file) {
            $status = (string) @file_get_contents($file);
            if (preg_match('/^Name:\s*pillion/', $status) && preg_match('/^SigBlk:\s*([0-9a-f]{8})([0-9a-f]{8})/m', $status, $found)) {
                $masks[] = hexdec($found[1]) << 32 | hexdec($found[2]);
            }
        }
        $right = array_filter($masks, fn (int $blocked): bool => ($blocked & $faults) === 0 && (~$blocked & ~$free) === 0);

        return $masks !== [] && count($right) === count($masks);
    }, 1.5);
});

test('thousands of dropped futures leave no memory behind', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(3);
    $program = $sandbox->php(<<<'PHP'
        Pillion\Velox\build(configuration('hit'))->wait(20);
        $kinds = [
            'hits' => fn (int $run) => Pillion\Velox\build(configuration('hit')),
            'joined and dropped' => fn (int $run) => Pillion\Velox\build(configuration("dropped {$run}")),
            'joined and cancelled' => fn (int $run) => Pillion\Velox\build(configuration("cancelled {$run}"))->cancel(),
            'failed' => fn (int $run) => Pillion\Artifacts\put('00000000000000aa', '/does/not/exist'),
        ];
        $measure = function (): array {
            // Finished jobs are cleaned up first.
            for ($i = 0; $i < 300 && count(Pillion\status()['runtime']['jobs']) > 0; $i++) usleep(100_000);
            usleep(300_000);
            gc_collect_cycles();
            preg_match('/VmRSS:\s+(\d+)/', file_get_contents('/proc/self/status'), $resident);
            return ['resident KiB' => (int) $resident[1], 'PHP bytes' => memory_get_usage()] + Pillion\status()['heap'];
        };
        foreach ($kinds as $kind => $make) {
            foreach ([1, 2, 3] as $run) {
                for ($i = 0; $i < 4000; $i++) {
                    $make($run);
                    $i % 500 === 0 && Pillion\completed();
                }
                Pillion\completed();
                report($kind, $measure());
            }
        }
        PHP, ini: ['pillion.log_level' => 'off']);
    $most = ['bytes' => 50_000, 'allocations' => 1_000, 'resident KiB' => 8_192, 'PHP bytes' => 100_000];
    foreach (['hits', 'joined and dropped', 'joined and cancelled', 'failed'] as $kind) {
        $runs = [$program->receive($kind, 90), $program->receive($kind, 90), $program->receive($kind, 90)];
        foreach ($most as $what => $limit) {
            // A run may need more than the one before it; a leak grows each time.
            $grown = min($runs[1][$what] - $runs[0][$what], $runs[2][$what] - $runs[1][$what]);
            is_true($grown < $limit, "{$kind}: " . show($runs));
        }
    }
    same(0, $program->wait());
    is_true($velox->counter('builds_started') >= 3, 'nothing was built');
});

test('the maximum number of futures is answered, and one more is refused', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['when' => ['request_id' => 'ffffffff-*'], 'delay_ms' => 600_000]]]);
    $program = $sandbox->php(<<<'PHP'
        // The only build that may be under way at the server, until it is cancelled: all others wait for it.
        $first = Pillion\Velox\build(configuration('first', ['request_id' => 'ffffffff-0000-4000-8000-000000000000']));
        report('first');
        fgets(STDIN);
        $futures = [];
        $refused = null;
        for ($i = 0; $i < 10_000 && $refused === null; $i++) {
            $refused = outcome(function () use (&$futures): mixed { $futures[] = Pillion\Velox\build(configuration()); return null; });
        }
        report('refused', [count($futures), $refused['class'] ?? null]);
        $first->cancel();
        $sha256 = array_unique(array_map(fn ($future) => $future->wait(60)->sha256, $futures));
        report('binaries', count($sha256));
        report('completed', count(Pillion\completed()));
        report('usable', outcome(fn () => Pillion\Velox\build(configuration('next'))->wait(20)));
        PHP, ini: ['pillion.velox_max_concurrent_builds' => '1']);
    $program->receive('first');
    $velox->awaitInFlight(1);
    $program->writeLine();
    same([9_999, 'Pillion\QueueFullException'], $program->receive('refused', 120));
    same(1, $program->receive('binaries', 90));
    same(10_000, $program->receive('completed'));
    same(true, $program->receive('usable')['good'] ?? null);
    same(3, $velox->counter('build_requests'));
});

test('a build without a free descriptor fails with an exception, and works later', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $program = $sandbox->php(<<<'PHP'
        posix_setrlimit(POSIX_RLIMIT_NOFILE, 40, 40);
        $tries = [];
        for ($left = 0; $left < 30; $left++) {
            $open = [];
            while ($file = @fopen('/dev/null', 'r')) $open[] = $file;
            // One more descriptor is free each time, so that every use of a descriptor fails once.
            for ($i = 0; $i < $left; $i++) array_pop($open);
            $tries[] = outcome(fn () => Pillion\Velox\build(configuration("with {$left} free"))->wait(10));
            $open = [];
        }
        $open = null;
        report('tries', $tries);
        report('again', outcome(fn () => Pillion\Velox\build(configuration('again'))->wait(20)));
        PHP);
    $tries = $program->receive('tries', 200);
    foreach ($tries as $left => $try) {
        $class = $try['class'] ?? null;
        is_true(($try['good'] ?? false) || ($class !== null && str_starts_with($class, 'Pillion\\')), "with {$left} free: " . show($try));
    }
    same('Pillion\StateException', $tries[0]['class'] ?? $tries[0]);
    same(true, $tries[29]['good'] ?? $tries[29]);
    same(true, $program->receive('again')['good'] ?? null);
    same(0, $program->wait());
});

/** Closes all three before or after its first job, and writes the outcome of its envelopes and its build to a file. */
const CLOSED = <<<'PHP'
    [, $when, $outcomeFile, $first, $second] = $argv;
    $event = fn (int $id): string => sprintf("{\"event_id\":\"%032x\"}\n{\"type\":\"event\"}\n{\"message\":\"x\"}", $id);
    if ($when === 'late') {
        Pillion\Sentry\send($event(1), $first);
        Pillion\Sentry\flush(10);
    }
    array_map(fclose(...), [STDIN, STDOUT, STDERR]);
    $sent = [];
    foreach ([2 => $first, 3 => $second] as $id => $dsn) {
        $sent[] = Pillion\Sentry\send($event($id), $dsn);
        $sent[] = Pillion\Sentry\flush(10);
        echo "output of the application\n";
    }
    $built = outcome(fn () => Pillion\Velox\build(configuration())->wait(20));
    echo "output of the application\n";
    $standard = array_map(fn (int $number): string|false => @readlink("/proc/self/fd/{$number}"), [0, 1, 2]);
    file_put_contents($outcomeFile, json_encode([$sent, $built['good'] ?? $built, $standard, count(Pillion\status()['host']['workers'])]));
    PHP;

test('descriptors closed by a daemon are not reused for a file or a connection', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    [$first, $second] = [$sandbox->sentry(), $sandbox->sentry()];
    foreach (['early', 'late'] as $when) {
        same(0, $sandbox->php(CLOSED, [$when, "{$sandbox->directory}/{$when}", $first->dsn, $second->dsn])->wait(60), $when);
        same([[true, true, true, true], true, ['/dev/null', '/dev/null', '/dev/null'], 1], json_decode((string) file_get_contents("{$sandbox->directory}/{$when}"), true), $when);
    }
    same([sprintf('%032x', 1), sprintf('%032x', 2)], $first->events());
    same([sprintf('%032x', 3)], $second->events());
    same([0, 0], [$first->counter('invalid'), $second->counter('invalid')]);
    foreach ($sandbox->files() as $file) {
        is_true(!str_contains((string) file_get_contents($file), 'output of the application'), $file);
    }
});
