<?php

// Several processes that request the same, or at once: their limit, and one that is stopped or dies.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/**
 * Processes that are ready and build on request: each the configuration of its number.
 *
 * @param array<string, string> $ini
 * @return list<Process>
 */
function askers(Sandbox $sandbox, int $processes, int $configurations, array $ini = []): array
{
    $all = [];
    for ($i = 0; $i < $processes; $i++) {
        $all[] = $sandbox->php(<<<'PHP'
            ready();
            $build = Pillion\Velox\build(configuration($argv[1]));
            report('asked');
            report('outcome', outcome(fn () => $build->wait(60)));
            PHP, ['configuration ' . $i % $configurations], $ini);
    }
    foreach ($all as $process) {
        $process->receive('ready', 60);
    }

    return $all;
}

/**
 * Makes them all request their builds, and waits until they have.
 *
 * @param list<Process> $askers
 */
function ask(array $askers): void
{
    foreach ($askers as $asker) {
        $asker->writeLine();
    }
    foreach ($askers as $asker) {
        $asker->receive('asked');
    }
}

/**
 * @param list<Process> $askers
 * @return list<array<string, mixed>>
 */
function outcomes(array $askers): array
{
    return array_map(fn (Process $asker): array => $asker->receive('outcome', 60), $askers);
}

test('the smallest max_concurrent_builds of all living processes holds for all', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $modest = $sandbox->php(
        'Pillion\Velox\build(configuration("modest"))->wait(20); report("joined"); fgets(STDIN);',
        ini: ['pillion.velox_max_concurrent_builds' => '1'],
    );
    $modest->receive('joined');
    $velox->delay(0.3);
    $askers = askers($sandbox, 6, 6, ['pillion.velox_max_concurrent_builds' => '4']);
    ask($askers);
    same(array_fill(0, 6, true), array_column(outcomes($askers), 'good'));
    same(1, $velox->counter('max_in_flight'));
    $modest->kill();
    // Its limit ends with it.
    $velox->delay(1.5);
    $late = array_map(fn (int $i): Process => $sandbox->php("Pillion\\Velox\\build(configuration('late {$i}'))->wait(20);", ini: ['pillion.velox_max_concurrent_builds' => '4']), range(1, 4));
    eventually('four builds at once', fn (): bool => $velox->counter('max_in_flight') === 4, 15);
    foreach ($late as $process) {
        same(0, $process->wait());
    }
});

test('a stopped builder does not block other builds, and resumes when continued', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 1500, 'times' => 1]]]);
    [$builder, $waiter] = askers($sandbox, 2, 1);
    ask([$builder]);
    $velox->awaitInFlight(1);
    $builder->signal(SIGSTOP);
    ask([$waiter]);
    $other = $sandbox->php("report('outcome', outcome(fn () => Pillion\\Velox\\build(configuration('other'))->wait(30)));");
    same(true, $other->receive('outcome')['good'] ?? null);
    $velox->awaitInFlight(0);
    usleep(500_000);
    $builder->signal(SIGCONT);
    same([true, true], array_column(outcomes([$builder, $waiter]), 'good'));
    same(2, $velox->counter('build_requests'));
});

test('the death of waiting processes does not affect the builder', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(2);
    [$builder, $survivor, $first, $second] = askers($sandbox, 4, 1);
    ask([$builder]);
    $velox->awaitInFlight(1);
    ask([$survivor, $first, $second]);
    $first->kill();
    $second->signal(SIGTERM);
    same([true, true], array_column(outcomes([$builder, $survivor]), 'good'));
    same(1, $velox->counter('build_requests'));
});

test('a binary built by one process is found by another without a thread', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $built = $sandbox->php('report("built", outcome(fn () => Pillion\Velox\build(configuration())->wait(20)));')->receive('built');
    $finder = $sandbox->php(<<<'PHP'
        report('found', outcome(fn () => Pillion\Velox\find(configuration())));
        report('again', outcome(fn () => Pillion\Velox\build(configuration())->wait()));
        report('threads', count(glob('/proc/self/task/*')));
        PHP);
    foreach (['found', 'again'] as $word) {
        $found = $finder->receive($word);
        same(['HIT', true, $built['sha256']], [$found['status'], $found['good'], $found['sha256']], $word);
    }
    same(1, $finder->receive('threads'));
    same(1, $velox->counter('build_requests'));
});
