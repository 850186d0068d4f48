<?php

// Children of pcntl_fork with a life of their own: daemons, children that outlive their parent, children that execute
// another program. Builds are under way in the parent each time. forks.php has the state of each child.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Starts a build that outlasts the rest of the program, and keeps the runtime busy. */
const UNDER_WAY = <<<'PHP'
    $parents = Pillion\Velox\build(configuration('parents', ['request_id' => 'ffffffff-0000-4000-8000-000000000000']));
    $notifier = Pillion\notifier();
    while ($parents->state() !== 'running') usleep(1000);
    usleep(100_000);
    PHP;

const SLOW = ['behaviours' => [['when' => ['request_id' => 'ffffffff-*'], 'delay_ms' => 2500, 'times' => 1]]];

test('a daemon made by two forks builds, after both parents have ended', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(SLOW);
    $program = $sandbox->php(UNDER_WAY . <<<'PHP'
        $maker = child(function () use ($parents): int {
            posix_setsid();
            $maker = getmypid();
            child(function () use ($parents, $maker): void {
                // In its own session, only this alarm would end it.
                pcntl_alarm(90);
                while (posix_getppid() === $maker) usleep(1000);
                report('daemon', [
                    'inherited' => outcome(fn () => $parents->wait(1))['class'] ?? null,
                    'first' => outcome(fn () => Pillion\Velox\build(configuration('daemon'))->wait(20)),
                    'joined' => outcome(fn () => Pillion\Velox\build(configuration('parents'))->wait(20)),
                    'later' => outcome(function () { usleep(1_500_000); return Pillion\Velox\build(configuration('later'))->wait(20); }),
                ]);
            });
            return 0;
        });
        report('maker', reap($maker));
        report('parent', outcome(fn () => $parents->wait(20)));
        PHP);
    $reports = $program->receiveAll(60);
    same([0], $reports['maker']);
    same(true, $reports['parent'][0]['good'] ?? $reports['parent']);
    same('Pillion\StateException', $reports['daemon'][0]['inherited'] ?? $reports);
    foreach (['first', 'joined', 'later'] as $build) {
        same(true, $reports['daemon'][0][$build]['good'] ?? $reports['daemon'], $build);
    }
    same(3, $velox->counter('builds_started'));
    $sandbox->isLeftClean();
});

foreach (['ends' => 'exit(0);', 'is killed' => 'posix_kill(getmypid(), SIGKILL);'] as $how => $end) {
    test("a child finishes its own build and its parent's if that {$how} during it", function (Sandbox $sandbox) use ($end): void {
        $velox = $sandbox->velox();
        // The parent does not see the end of its first build; later builds are short.
        $velox->script(['behaviours' => [['when' => ['request_id' => 'ffffffff-*'], 'delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 1000]]]);
        $program = $sandbox->php(UNDER_WAY . <<<'PHP'
            child(function (): void {
                $own = Pillion\Velox\build(configuration('own'));
                $taken = Pillion\Velox\build(configuration('parents'));
                report('asked');
                // The parent ends meanwhile.
                report('own', outcome(fn () => $own->wait(20)));
                report('taken', outcome(fn () => $taken->wait(20)));
                report('another', outcome(fn () => Pillion\Velox\build(configuration('another'))->wait(20)));
            });
            usleep(700_000);
            PHP . $end);
        $reports = $program->receiveAll(60);
        foreach (['own', 'taken', 'another'] as $build) {
            same(true, $reports[$build][0]['good'] ?? $reports, $build);
        }
        same(4, $velox->counter('build_requests'));
        eventually('no file is locked', fn (): bool => $sandbox->locked() === [], 10);
        $sandbox->isLeftClean();
    });
}

test('a child that executes another program inherits none of our descriptors', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(SLOW);
    file_put_contents("{$sandbox->directory}/other.php", <<<'PHP'
        <?php
        $open = [];
        foreach (scandir('/proc/self/fd') as $fd) {
            $target = @readlink("/proc/self/fd/{$fd}");
            $target === false || preg_match('/pillion-test.*(state|run)|pillion-test-\w+\/(index|presence|leader)|eventfd|socket/', $target) && $open[] = $target;
        }
        report('open', $open);
        report('joined', outcome(fn () => Pillion\Velox\build(configuration('parents'))->wait(20)->sha256));
        report('built', outcome(fn () => Pillion\Velox\build(configuration('other'))->wait(20)));
        PHP);
    $program = $sandbox->php(UNDER_WAY . <<<'PHP'
        $command = json_decode($argv[1]);
        $child = child(fn () => pcntl_exec($command[0], array_slice($command, 1)));
        report('parent', outcome(fn () => $parents->wait(20)->sha256));
        report('exit', reap($child));
        PHP, [json_encode([...$sandbox->phpCommand(), "{$sandbox->directory}/other.php"])]);
    $reports = $program->receiveAll(60);
    same([[], [0]], [$reports['open'][0] ?? $reports, $reports['exit'] ?? $reports]);
    same($reports['parent'], $reports['joined']);
    same(true, $reports['built'][0]['good'] ?? $reports);
    same(2, $velox->counter('build_requests'));
    $sandbox->isLeftClean();
});

foreach (['a program executed by a child' => "pcntl_exec('/bin/sleep', ['30'])", 'a child' => 'sleep(25)'] as $holder => $lives) {
    test("{$holder} does not hold the locks of a killed parent", function (Sandbox $sandbox) use ($lives): void {
        $velox = $sandbox->velox();
        $velox->script(['behaviours' => [['delay_ms' => 60_000, 'times' => 1], ['delay_ms' => 100]]]);
        $program = $sandbox->php(UNDER_WAY . "report('child', child(fn () => {$lives})); usleep(300_000); posix_kill(getmypid(), SIGKILL);");
        $child = $program->receive('child');
        same(-SIGKILL, $program->wait());
        $other = $sandbox->php("report('outcome', outcome(fn () => Pillion\\Velox\\build(configuration('parents'))->wait(20)));");
        same(true, $other->receive('outcome')['good'] ?? null);
        is_true(is_alive($child), 'the child is not alive');
        same(2, $velox->counter('build_requests'));
    });
}

test('a child that ends does not release the locks of its parent', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(3);
    $parent = $sandbox->php(<<<'PHP'
        $build = Pillion\Velox\build(configuration());
        usleep(500_000);
        for ($i = 0; $i < 5; $i++) {
            reap(child(fn () => 0));
            reap(child(fn () => posix_kill(getmypid(), SIGKILL)));
        }
        report('children are gone');
        report('artifact', outcome(fn () => $build->wait(20)));
        PHP);
    $parent->receive('children are gone');
    // If a lock of the parent were released, this process would take over its flight.
    $other = $sandbox->php("report('artifact', outcome(fn () => Pillion\\Velox\\build(configuration())->wait(20)));");
    same($parent->receive('artifact')['sha256'], $other->receive('artifact')['sha256']);
    same(1, $velox->counter('build_requests'));
});

test('a fork in a signal handler leaves the wait to the parent; the child gets errors', function (Sandbox $sandbox): void {
    $sandbox->velox()->delay(3);
    $program = $sandbox->php(<<<'PHP'
        pcntl_async_signals(true);
        $child = null;
        pcntl_signal(SIGALRM, function () use (&$child): void { $child = pcntl_fork(); });
        $build = Pillion\Velox\build(configuration());
        pcntl_alarm(1);
        $outcome = outcome(fn () => $build->wait(20));
        report($child === 0 ? 'child' : 'parent', $outcome);
        $child === 0 || report('exit', reap($child));
        PHP);
    $reports = $program->receiveAll();
    same(true, $reports['parent'][0]['good'] ?? $reports);
    same('Pillion\StateException', $reports['child'][0]['class'] ?? $reports);
    same([0], $reports['exit']);
});

test('a program started by PHP inherits none of our descriptors', function (Sandbox $sandbox): void {
    $sandbox->velox()->delay(1);
    $program = $sandbox->php(<<<'PHP'
        $inherited = function (): array {
            $open = proc_open(['ls', '-l', '/proc/self/fd'], [1 => ['pipe', 'w']], $pipes);
            preg_match_all('/(\d+) -> (\S+)/', shell_exec('ls -l /proc/self/fd') . stream_get_contents($pipes[1]), $found);
            // Process names and pipe numbers differ each time.
            return preg_replace('/\d+/', 'N', $found[2]);
        };
        $before = $inherited();
        $build = Pillion\Velox\build(configuration());
        $notifier = Pillion\notifier();
        usleep(300_000);
        report('before', $before);
        report('meanwhile', $inherited());
        $build->wait(20);
        PHP);
    $reports = $program->receiveAll();
    same($reports['before'], $reports['meanwhile']);
});
