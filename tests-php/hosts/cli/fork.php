<?php

// State of child and parent after pcntl_fork: before the first job, after it, and in the middle of one.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

test('a process that forks before its first job builds, and so does the child', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $program = $sandbox->php(<<<'PHP'
        $child = child(fn () => report('child', outcome(fn () => Pillion\Velox\build(configuration('child'))->wait(20))));
        report('parent', outcome(fn () => Pillion\Velox\build(configuration('parent'))->wait(20)));
        report('exit', reap($child));
        PHP);
    $reports = $program->receiveAll();
    same([0], $reports['exit']);
    same(0, $program->wait());
    same(true, $reports['child'][0]['good'] ?? $reports['child']);
    same(true, $reports['parent'][0]['good'] ?? $reports['parent']);
    same(2, $velox->counter('builds_started'));
});

test('a child of a process that has built can build, and so can its parent', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $program = $sandbox->php(<<<'PHP'
        $before = Pillion\Velox\build(configuration('before'));
        report('before', outcome(fn () => $before->wait(20)));
        $child = child(function () use ($before): void {
            report('inherited', [$before->state(), outcome(fn () => $before->wait(1))]);
            report('found', outcome(fn () => Pillion\Velox\find(configuration('before'))));
            report('child', outcome(fn () => Pillion\Velox\build(configuration('child'))->wait(20)));
            report('status', Pillion\status()['runtime']['started']);
        });
        report('parent', outcome(fn () => Pillion\Velox\build(configuration('parent'))->wait(20)));
        report('exit', reap($child));
        report('after', outcome(fn () => Pillion\Velox\build(configuration('after'))->wait(20)));
        PHP);
    $reports = $program->receiveAll();
    same([0], $reports['exit']);
    same(0, $program->wait());
    foreach (['before', 'child', 'parent', 'after', 'found'] as $word) {
        same(true, $reports[$word][0]['good'] ?? $reports[$word], $word);
    }
    same('HIT', $reports['found'][0]['status']);
    // Results from before the fork stay readable.
    same(['done', $reports['before'][0]['sha256']], [$reports['inherited'][0][0], $reports['inherited'][0][1]['sha256'] ?? $reports['inherited']]);
    same(4, $velox->counter('builds_started'));
});

test('a child of a child builds', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $program = $sandbox->php(<<<'PHP'
        $build = fn (string $name) => outcome(fn () => Pillion\Velox\build(configuration($name))->wait(20));
        report('first', $build('first'));
        $child = child(function () use ($build): int {
            report('second', $build('second'));
            $child = child(fn () => report('third', $build('third')));
            report('second', $build('second again'));
            return reap($child);
        });
        report('exit', reap($child));
        PHP);
    $reports = $program->receiveAll();
    same([0], $reports['exit']);
    same([true, true, true, true], array_column([...$reports['first'], ...$reports['second'], ...$reports['third']], 'good'));
});

test('a fork during a build leaves the build to the parent; the child can build too', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1.5);
    $program = $sandbox->php(<<<'PHP'
        $build = Pillion\Velox\build(configuration('parent'));
        while ($build->state() !== 'running') usleep(1000);
        usleep(200_000);
        $child = child(function () use ($build): void {
            report('done', $build->isDone());
            report('wait', outcome(fn () => $build->wait(10)));
            report('select', outcome(fn () => Pillion\select([$build], 10)));
            report('cancel', $build->cancel());
            report('completed', count(Pillion\completed()));
            report('child', outcome(fn () => Pillion\Velox\build(configuration('child'))->wait(20)));
        });
        report('exit', reap($child));
        report('parent', outcome(fn () => $build->wait(20)));
        PHP);
    $reports = $program->receiveAll();
    same([0], $reports['exit']);
    same(0, $program->wait());
    same([false], $reports['done']);
    same('Pillion\StateException', $reports['wait'][0]['class'] ?? $reports['wait']);
    same('Pillion\StateException', $reports['select'][0]['class'] ?? $reports['select']);
    same([false], $reports['cancel'], "the child's cancel()");
    same([0], $reports['completed']);
    same(true, $reports['child'][0]['good'] ?? $reports['child']);
    same(true, $reports['parent'][0]['good'] ?? $reports['parent']);
    same(2, $velox->counter('builds_started'));
    same(0, $velox->counter('builds_cancelled'));
});

test('a child that requests the build of its parent joins that build', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(1.5);
    $program = $sandbox->php(<<<'PHP'
        $build = Pillion\Velox\build(configuration());
        usleep(400_000);
        $child = child(fn () => report('sha256', outcome(fn () => Pillion\Velox\build(configuration())->wait(20)->sha256)));
        report('sha256', outcome(fn () => $build->wait(20)->sha256));
        report('exit', reap($child));
        PHP);
    $reports = $program->receiveAll();
    same([0], $reports['exit']);
    same(1, count(array_unique(array_map(show(...), $reports['sha256']))), 'different results: ' . show($reports));
    same(1, $velox->counter('build_requests'));
});

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

test('the locks of a dead parent are not inherited by its child', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(2);
    $parent = $sandbox->php(<<<'PHP'
        $build = Pillion\Velox\build(configuration());
        usleep(500_000);
        report('child', child(fn () => sleep(25)));
        posix_kill(getmypid(), SIGKILL);
        PHP);
    $velox->awaitInFlight(1);
    $waiter = $sandbox->php("report('asked'); report('artifact', outcome(fn () => Pillion\\Velox\\build(configuration())->wait(20)));");
    $child = $parent->receive('child');
    same(-SIGKILL, $parent->wait());
    $died = microtime(true);
    eventually('a second request at the server', fn (): bool => $velox->counter('build_requests') === 2, 8);
    is_true(microtime(true) - $died < 5, 'the flight was taken over late');
    is_true(is_alive($child), 'the child is not alive');
    $waiter->receive('asked');
    same(true, $waiter->receive('artifact')['good'] ?? null);
});

test('a notifier opened before a fork wakes each process for its own jobs only', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [
        ['when' => ['request_id' => '11111111-0000-4000-8000-000000000000'], 'delay_ms' => 300],
        ['when' => ['request_id' => '22222222-0000-4000-8000-000000000000'], 'delay_ms' => 1500],
    ]]);
    $program = $sandbox->php(<<<'PHP'
        $wakes = function ($stream, float $seconds): bool {
            $read = [$stream]; $none = null;
            return stream_select($read, $none, $none, (int) $seconds, (int) (fmod($seconds, 1) * 1e6)) === 1;
        };
        $notifier = Pillion\notifier();
        $parents = Pillion\Velox\build(configuration('parent', ['request_id' => '22222222-0000-4000-8000-000000000000']));
        $child = child(function () use ($notifier, $wakes): void {
            $childs = Pillion\Velox\build(configuration('child', ['request_id' => '11111111-0000-4000-8000-000000000000']));
            report('child', [$wakes($notifier, 10), Pillion\completed() === [$childs], $childs->state()]);
            // The parent's build ends meanwhile.
            report('child again', [$wakes($notifier, 2.5), count(Pillion\completed())]);
        });
        report('parent', [$wakes($notifier, 0.9), $wakes($notifier, 10), Pillion\completed() === [$parents], $parents->state()]);
        report('parent again', [$wakes($notifier, 0.1), count(Pillion\completed())]);
        report('exit', reap($child));
        PHP);
    $reports = $program->receiveAll();
    same([0], $reports['exit'] ?? $reports);
    same([true, true, 'done'], $reports['child'][0]);
    same([false, 0], $reports['child again'][0]);
    same([false, true, true, 'done'], $reports['parent'][0]);
    same([false, 0], $reports['parent again'][0]);
});

test('fifty children in a row work, with jobs under way and a log file', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.02);
    $log = $sandbox->directory . '/pillion.log';
    touch($log);
    $program = $sandbox->php(<<<'PHP'
        $children = [];
        $jobs = [];
        for ($i = 0; $i < 50; $i++) {
            $jobs[] = Pillion\Velox\build(configuration('parent ' . $i % 7, ['force_rebuild' => $i % 3 === 0]));
            $children[] = child(function () use ($i): int {
                $found = Pillion\Velox\build(configuration('child ' . $i % 5))->wait(60);
                return $found->verify() ? 0 : 1;
            });
        }
        report('children', array_count_values(array_map(reap(...), $children)));
        report('jobs', array_count_values(array_map(fn ($job) => $job->wait(60)->verify() ? 'good' : 'bad', $jobs)));
        PHP, ini: ['pillion.log' => $log, 'pillion.log_level' => 'debug', 'pillion.log_format' => 'json']);
    $reports = $program->receiveAll(120);
    same(0, $program->wait());
    same([['0' => 50]], $reports['children']);
    same([['good' => 50]], $reports['jobs']);
    $lines = file($log, FILE_IGNORE_NEW_LINES);
    is_true(count($lines) > 100, 'only ' . count($lines) . ' lines in the log');
    foreach ($lines as $line) {
        is_true(is_array(json_decode($line, true)), "a broken line in the log: {$line}");
    }
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
