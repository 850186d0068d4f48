<?php

// The fate of a build when its process ends, in every way in which PHP can end.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Ways to end a script, the exit code of each, and whether PHP shuts down in it. */
const WAYS = [
    'exit(7)' => ['exit(7);', 7],
    'its last line' => ['', 0],
    'an uncaught exception' => ['throw new LogicException("over");', 255],
    'a call of what is not there' => ['not_there();', 255],
    'an exhausted memory limit' => ['str_repeat("x", 1 << 30);', 255],
    'exit(3) in a handler of a signal that comes while it waits' => [
        'pcntl_async_signals(true); pcntl_signal(SIGALRM, fn () => exit(3)); pcntl_alarm(1); $build->wait();', 3,
    ],
    'exit(4) in a destructor' => ['$last = new class { function __destruct() { exit(4); } };', 4],
];

foreach (WAYS as $way => [$code, $exit]) {
    test("a script with a build in flight ends at once with its exit code: {$way}", function (Sandbox $sandbox) use ($code, $exit): void {
        $velox = $sandbox->velox();
        $velox->delay(60);
        $program = $sandbox->php('$build = Pillion\Velox\build(configuration()); fgets(STDIN); report("ending");' . $code);
        $velox->awaitInFlight(1);
        $program->writeLine();
        $program->receive('ending');
        $began = microtime(true);
        same($exit, $program->wait());
        is_true(microtime(true) - $began < 4, sprintf('its end took %.1f s', microtime(true) - $began));
        eventually('the server cancels the build without a client', fn (): bool => $velox->counter('builds_cancelled') === 1);
        same(0, $velox->counter('in_flight'));
    });
}

test('a process killed during its build leaves no work on the server', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    foreach ([SIGTERM, SIGKILL] as $signal) {
        $program = $sandbox->php("Pillion\\Velox\\build(configuration('{$signal}'))->wait();");
        $velox->awaitInFlight(1);
        $program->signal($signal);
        same(-$signal, $program->wait());
        $velox->awaitInFlight(0);
    }
    same(2, $velox->counter('builds_cancelled'));
});

test('a shutdown function can still wait for a build', function (Sandbox $sandbox): void {
    $sandbox->velox()->delay(0.7);
    $program = $sandbox->php(<<<'PHP'
        $build = Pillion\Velox\build(configuration());
        register_shutdown_function(fn () => report('artifact', outcome(fn () => $build->wait(20))));
        exit(5);
        PHP);
    same(true, $program->receive('artifact')['good'] ?? null);
    same(5, $program->wait());
});

test('a process that ends hands its build over to a process that waits for it', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1]]]);
    $first = $sandbox->php('$build = Pillion\Velox\build(configuration()); fgets(STDIN); exit(6);');
    $velox->awaitInFlight(1);
    $others = [];
    for ($i = 0; $i < 3; $i++) {
        $others[] = $sandbox->php("report('asked'); report('artifact', outcome(fn () => Pillion\\Velox\\build(configuration())->wait(20)));");
    }
    foreach ($others as $other) {
        $other->receive('asked');
    }
    usleep(500_000);
    $first->writeLine();
    same(6, $first->wait());
    $ended = microtime(true);
    $got = array_map(fn (Process $other): array => $other->receive('artifact'), $others);
    is_true(microtime(true) - $ended < 4, 'it was handed over late');
    same([true, true, true], array_column($got, 'good'));
    same(2, $velox->counter('build_requests'));
});

test('a build without a waiting process is dropped with its temporary files', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $program = $sandbox->php('$build = Pillion\Velox\build(configuration()); fgets(STDIN);');
    $velox->awaitInFlight(1);
    $program->writeLine();
    same(0, $program->wait());
    $velox->awaitInFlight(0);
    $left = glob($sandbox->setting('state_dir') . '/.rr-cache/velox-binaries/.pillion/tmp/*');
    same([], $left, 'temporary files');
    same([], glob($sandbox->setting('run_dir') . '/presence/*'), 'presence');
});
