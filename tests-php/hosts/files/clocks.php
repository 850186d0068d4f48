<?php

// A wall clock that is set by days under living processes, and a restarted machine: no build ends early or late, no
// wait takes longer, nothing is evicted at once.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/mounts.php';

const DAY = 86_400;

/** Executes the command of each line, and reports its outcome. */
const PROGRAM = <<<'PHP'
    report('ready');
    while (($line = trim((string) fgets(STDIN))) !== '') {
        [$do, $name] = explode(' ', $line, 2) + [1 => ''];
        $begun = hrtime(true);
        $answer = match ($do) {
            'time' => time(),
            'build' => outcome(fn () => Pillion\Velox\build(configuration($name))->wait(30)),
            'impatient' => outcome(fn () => Pillion\Velox\build(configuration($name))->wait(1)),
            'find' => outcome(fn () => Pillion\Velox\find(configuration($name))),
            'used' => Pillion\Velox\find(configuration($name))?->accessedAt,
            'clean' => outcome(fn () => Pillion\Artifacts\clean()->wait(20)),
            'entries' => count(Pillion\Artifacts\entries(1000)),
            'workers' => array_column(Pillion\status()['host']['workers'], 'seconds'),
            'builds' => array_column(Pillion\Velox\builds(), 'elapsed'),
        };
        report($do, [$answer, (hrtime(true) - $begun) / 1e9]);
    }
    PHP;

/** A clock for the processes of a sandbox. */
final class Wall
{
    private readonly string $file;
    private readonly string $library;

    public function __construct(private readonly Sandbox $sandbox)
    {
        $this->library = "{$sandbox->directory}/clock.so";
        $this->file = "{$sandbox->directory}/clock";
        run(['cc', '-shared', '-fPIC', '-O1', '-o', $this->library, __DIR__ . '/clock.c', '-ldl']);
        $this->set(0);
    }

    public function set(int $seconds): void
    {
        // In place, because the file is mapped.
        $file = fopen($this->file, 'c');
        fwrite($file, pack('q', $seconds));
        fclose($file);
    }

    public function php(): Process
    {
        file_put_contents($program = "{$this->sandbox->directory}/program.php", "<?php\n" . PROGRAM);
        $environment = ['LD_PRELOAD' => $this->library, 'PILLION_TEST_CLOCK' => $this->file];
        $process = $this->sandbox->start('php', [...$this->sandbox->phpCommand(), $program], $environment);
        $process->receive('ready');

        return $process;
    }
}

function ask(Process $process, string $line): mixed
{
    $process->writeLine($line);

    return $process->receive(explode(' ', $line)[0], 60)[0];
}

test('a clock that is set ahead and back costs no artifact, however far', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $sandbox->set('velox_cache_ttl_days', '7');
    $wall = new Wall($sandbox);
    [$one, $two] = [$wall->php(), $wall->php()];
    foreach (['a', 'b', 'c'] as $name) {
        same(true, ask($one, "build {$name}")['good'] ?? null);
    }
    same(true, ask($one, 'clean')['complete'] ?? null);
    foreach ([1, 8, -1, -8, 4000, -4000] as $days) {
        $wall->set($days * DAY);
        is_true(abs(ask($one, 'time') - time() - $days * DAY) < 60, 'the clock is not set');
        same(0, ask($two, 'clean')['expired_removed'] ?? null, "{$days} days");
        // An artifact that has expired by that clock is no hit meanwhile; another one is.
        same($days < 7, ask($two, 'find a') !== null, "{$days} days");
        $days < 7 && is_true(abs(ask($two, 'used a') - time() - $days * DAY) < 60, 'the clock of the extension is not set');
        $wall->set(0);
        same(0, ask($one, 'clean')['expired_removed'] ?? null, "back from {$days} days");
        same(0, ask($one, 'clean')['lru_removed'] ?? null, "back from {$days} days");
        same(3, ask($two, 'entries'), "back from {$days} days");
        foreach (['a', 'b', 'c'] as $name) {
            same(true, ask($two, "find {$name}")['good'] ?? null, "back from {$days} days");
        }
    }
});

foreach ([10 * DAY, -10 * DAY] as $step) {
    test(sprintf('a build under way, and those that wait for it, ignore a clock set %s by ten days', $step > 0 ? 'ahead' : 'back'), function (Sandbox $sandbox) use ($step): void {
        $velox = $sandbox->velox();
        $wall = new Wall($sandbox);
        [$one, $two] = [$wall->php(), $wall->php()];
        $velox->delay(2.5);
        $one->writeLine('build slow');
        $velox->awaitInFlight(1);
        $two->writeLine('build slow');
        usleep(500_000);
        $wall->set($step);
        foreach ([$one, $two] as $process) {
            [$built, $seconds] = $process->receive('build', 30);
            same(true, $built['good'] ?? $built);
            is_true($seconds > 1.0, "it took {$seconds} seconds");
        }
        same(1, $velox->counter('build_requests'));
        // A wait ends after its own time, by the monotonic clock.
        $two->writeLine('impatient next');
        [$outcome, $seconds] = $two->receive('impatient', 30);
        same('Pillion\TimeoutException', $outcome['class'] ?? $outcome);
        is_true($seconds > 0.9, "after {$seconds} seconds");
        same(true, ask($one, 'build next')['good'] ?? null);
        foreach (ask($two, 'workers') as $seconds) {
            is_true($seconds >= 0.0, "a worker of {$seconds} seconds");
        }
    });
}

test('a failing build fails for all waiters with one request, also if the clock is set', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 1500, 'answer' => ['kind' => 'error', 'message' => 'building plugins: no']]]]);
    $wall = new Wall($sandbox);
    $all = [$wall->php(), $wall->php(), $wall->php()];
    foreach ($all as $process) {
        $process->writeLine('build bad');
    }
    $velox->awaitInFlight(1);
    usleep(300_000);
    // From here on the clock and file times are days apart, as with a file server.
    $wall->set(3 * DAY);
    foreach ($all as $process) {
        same('Pillion\BuildFailedException', $process->receive('build', 30)[0]['class'] ?? null);
    }
    same(1, $velox->counter('build_requests'));
});

test('after a machine restart old processes count as dead, and binaries are found', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $wall = new Wall($sandbox);
    $before = [$wall->php(), $wall->php()];
    same(true, ask($before[0], 'build kept')['good'] ?? null);
    same(true, ask($before[1], 'build of the other')['good'] ?? null);
    $velox->delay(30);
    foreach ($before as $process) {
        $process->writeLine('build in the air');
    }
    $velox->awaitInFlight(1);
    array_map(fn (Process $process) => $process->kill(), $before);
    $velox->delay(0);
    foreach (glob($sandbox->setting('run_dir') . '/index-*.seg') as $segment) {
        // The hash of the boot id, in the fifth word of the header.
        $file = fopen($segment, 'r+');
        fseek($file, 4 * 8);
        fwrite($file, random_bytes(8));
        fclose($file);
    }
    foreach (glob($sandbox->setting('run_dir') . '/presence/*.json') as $presence) {
        file_put_contents($presence, preg_replace('/"boot_id":"[^"]*"/', '"boot_id":"00000000-0000-4000-8000-000000000000"', file_get_contents($presence)));
    }
    $after = $wall->php();
    same('HIT', ask($after, 'build kept')['status'] ?? null);
    same([], ask($after, 'builds'));
    $requests = $velox->counter('build_requests');
    same(true, ask($after, 'build in the air')['good'] ?? null);
    same($requests + 1, $velox->counter('build_requests'));
    same(1, count(ask($after, 'workers')));
    is_true(str_contains($after->errors(), 'index replaced'), $after->errors());
});
