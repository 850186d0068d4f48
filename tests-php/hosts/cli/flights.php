<?php

// Many processes that request the same: one build for each configuration on the host, even if building processes die.

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

test('twenty processes that request four configurations at once cause four builds', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1);
    $askers = askers($sandbox, 20, 4);
    ask($askers);
    $outcomes = outcomes($askers);
    same(array_fill(0, 20, true), array_column($outcomes, 'good'));
    foreach (range(0, 3) as $configuration) {
        $same = array_filter($outcomes, fn (int $i): bool => $i % 4 === $configuration, ARRAY_FILTER_USE_KEY);
        same(1, count(array_unique(array_column($same, 'sha256'))), "binaries of configuration {$configuration}");
    }
    same(4, count(array_unique(array_column($outcomes, 'sha256'))), 'binaries');
    same(4, $velox->counter('builds_started'));
    same(4, $velox->counter('build_requests'));
    foreach ($askers as $asker) {
        same(0, $asker->wait());
    }
});

test('twenty processes that share a failing build get the same error from one build', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $why = "building plugins: go failed: exit status 1\n--- stderr ---\nhttp/plugin.go:12: undefined: everything";
    $velox->script(['behaviours' => [['delay_ms' => 1000, 'answer' => ['kind' => 'error', 'message' => $why]]]]);
    $askers = askers($sandbox, 20, 1);
    ask($askers);
    $outcomes = outcomes($askers);
    same(array_fill(0, 20, 'Pillion\BuildFailedException'), array_column($outcomes, 'class'));
    same(array_fill(0, 20, 500), array_column($outcomes, 'status'));
    is_true(str_ends_with($outcomes[0]['message'], 'undefined: everything'), $outcomes[0]['message']);
    same(1, count(array_unique(array_column($outcomes, 'message'))), 'messages');
    same(1, $velox->counter('build_requests'));
});

test('the host runs no more builds at once than velox_max_concurrent_builds', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.4);
    $askers = askers($sandbox, 10, 10, ['pillion.velox_max_concurrent_builds' => '2']);
    ask($askers);
    same(array_fill(0, 10, true), array_column(outcomes($askers), 'good'));
    same(10, $velox->counter('builds_started'));
    same(2, $velox->counter('max_in_flight'));
});

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

test('a waiting process replaces a killed builder', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 300]]]);
    [$builder] = askers($sandbox, 1, 1);
    ask([$builder]);
    $velox->awaitInFlight(1);
    $waiters = askers($sandbox, 6, 1);
    ask($waiters);
    usleep(600_000);
    $builder->kill();
    $died = microtime(true);
    eventually('a new request at the server', fn (): bool => $velox->counter('build_requests') === 2);
    is_true(microtime(true) - $died < 3, sprintf('it was taken over after %.1f s', microtime(true) - $died));
    $outcomes = outcomes($waiters);
    same(array_fill(0, 6, true), array_column($outcomes, 'good'));
    same(1, count(array_unique(array_column($outcomes, 'sha256'))));
    same(2, $velox->counter('build_requests'));
});

test('builders that die one after the other do not keep the last one from building', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 3], ['delay_ms' => 100]]]);
    $askers = askers($sandbox, 4, 1);
    ask($askers);
    for ($deaths = 1; $deaths <= 3; $deaths++) {
        eventually("request {$deaths}", fn (): bool => $velox->counter('build_requests') === $deaths && $velox->counter('in_flight') === 1);
        // The builder holds the connection; builds() of another process names its pid.
        $builder = eventually('a builder', function () use ($sandbox, $askers): ?Process {
            $builds = $sandbox->php('report("builds", Pillion\Velox\builds());')->receive('builds');
            $alive = array_filter($askers, fn (Process $asker): bool => $asker->pid === ($builds[0]['pid'] ?? 0) && !$asker->hasEnded());

            return array_values($alive)[0] ?? null;
        });
        $builder->kill();
    }
    $left = array_values(array_filter($askers, fn (Process $asker): bool => !$asker->hasEnded()));
    same(1, count($left));
    same(true, outcomes($left)[0]['good'] ?? null);
    same(4, $velox->counter('build_requests'));
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

test('a build ends when the last process that waits for it cancels, and not before', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(60);
    $program = <<<'PHP'
        $build = Pillion\Velox\build(configuration());
        report('asked');
        fgets(STDIN);
        report('cancelled', [$build->cancel(), $build->state(), outcome(fn () => $build->wait())['class']]);
        fgets(STDIN);
        PHP;
    $first = $sandbox->php($program);
    $first->receive('asked');
    $velox->awaitInFlight(1);
    $second = $sandbox->php($program);
    $second->receive('asked');
    usleep(600_000);
    $first->writeLine();
    same([true, 'cancelled', 'Pillion\CancelledException'], $first->receive('cancelled'));
    usleep(1_200_000);
    same([1, 0], [$velox->counter('in_flight'), $velox->counter('builds_cancelled')]);
    $second->writeLine();
    $second->receive('cancelled');
    eventually('the build is cancelled', fn (): bool => $velox->counter('builds_cancelled') === 1);
    same(1, $velox->counter('build_requests'));
});

test('five processes that force a build at once cause one', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    same(true, $sandbox->php('report("built", outcome(fn () => Pillion\Velox\build(configuration())->wait(20)));')->receive('built')['good']);
    $velox->delay(1.5);
    $askers = array_map(fn (): Process => $sandbox->php(<<<'PHP'
        ready();
        $build = Pillion\Velox\build(configuration(more: ['force_rebuild' => true]));
        report('asked');
        report('outcome', outcome(fn () => $build->wait(60)));
        PHP), range(1, 5));
    array_map(fn (Process $asker) => $asker->receive('ready'), $askers);
    ask($askers);
    $outcomes = outcomes($askers);
    same(array_fill(0, 5, ['MISS', true]), array_map(fn (array $outcome): array => [$outcome['status'], $outcome['good']], $outcomes));
    same(2, $velox->counter('builds_started'));
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

test('builds() of every process lists the builds of the host with their request ids', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(3);
    $ids = ['33333333-0000-4000-8000-000000000000', '44444444-0000-4000-8000-000000000000'];
    $askers = array_map(fn (string $id): Process => $sandbox->php("Pillion\\Velox\\build(configuration('a', ['request_id' => '{$id}']))->wait(20);"), $ids);
    $velox->awaitInFlight(1);
    $seen = eventually('builds() lists both request ids', function () use ($sandbox): ?array {
        $builds = $sandbox->php('report("builds", Pillion\Velox\builds());')->receive('builds');

        return count($builds[0]['request_ids'] ?? []) === 2 && $builds[0]['state'] === 'building' ? $builds : null;
    });
    same(1, count($seen), 'builds');
    same($ids, $seen[0]['request_ids']);
    $status = $sandbox->php("report('status', [Pillion\\Velox\\status('{$ids[1]}'), Pillion\\Velox\\status('55555555-0000-4000-8000-000000000000')]);")->receive('status');
    same(['building', null], [$status[0]['state'], $status[1]]);
    array_map(fn (Process $asker) => same(0, $asker->wait()), $askers);
    $status = $sandbox->php("report('status', Pillion\\Velox\\status('{$ids[1]}'));")->receive('status');
    same('done', $status['state']);
});
