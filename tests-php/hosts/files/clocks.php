<?php

// A wall clock that is set by days under living processes, and a restarted machine: no build ends early or late, and no
// wait takes longer.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

const DAY = 86_400;

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
        file_put_contents($program = "{$this->sandbox->directory}/program.php", "<?php\n" . COMMANDS);
        $environment = ['LD_PRELOAD' => $this->library, 'PILLION_TEST_CLOCK' => $this->file];
        $process = $this->sandbox->start('php', [...$this->sandbox->phpCommand(), $program], $environment);
        $process->receive('ready');

        return $process;
    }
}

foreach ([10 * DAY, -10 * DAY] as $step) {
    test(sprintf('a build under way, and those that wait for it, ignore a clock set %s by ten days', $step > 0 ? 'ahead' : 'back'), function (Sandbox $sandbox) use ($step): void {
        $velox = $sandbox->velox();
        $wall = new Wall($sandbox);
        [$one, $two] = [$wall->php(), $wall->php()];
        $velox->delay(2.5);
        $begun = microtime(true);
        $one->writeLine('build slow');
        $velox->awaitInFlight(1);
        $two->writeLine('build slow');
        usleep(500_000);
        $wall->set($step);
        foreach ([$one, $two] as $process) {
            $built = $process->receive('build', 30);
            same(true, $built['good'] ?? $built);
        }
        is_true(microtime(true) - $begun > 1.0, 'it was fast');
        same(1, $velox->counter('build_requests'));
        // A wait ends after its own time, by the monotonic clock.
        $begun = microtime(true);
        $outcome = ask($two, 'impatient next');
        same('Pillion\TimeoutException', $outcome['class'] ?? $outcome);
        is_true(microtime(true) - $begun > 0.9, 'the wait was short');
        same(true, ask($one, 'build next')['good'] ?? null);
        foreach (ask($two, 'ages') as $seconds) {
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
        same('Pillion\BuildFailedException', $process->receive('build', 30)['class'] ?? null);
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
    same(0, ask($after, 'builds'));
    $requests = $velox->counter('build_requests');
    same(true, ask($after, 'build in the air')['good'] ?? null);
    same($requests + 1, $velox->counter('build_requests'));
    same(1, ask($after, 'workers'));
    is_true(str_contains($after->errors(), 'index replaced'), $after->errors());
});
