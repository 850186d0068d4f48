<?php

// The fate of a build when its process ends.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

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
