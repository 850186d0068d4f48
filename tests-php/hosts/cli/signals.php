<?php

// Signals while PHP waits for a job: handlers run, and our threads receive no signal.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

test('a handler runs while PHP waits, and the wait continues', function (Sandbox $sandbox): void {
    $sandbox->velox()->delay(2.5);
    $program = $sandbox->php(<<<'PHP'
        pcntl_async_signals(true);
        $build = Pillion\Velox\build(configuration());
        pcntl_signal(SIGALRM, function () use ($build): void { report('handled', $build->isDone()); pcntl_alarm(1); });
        pcntl_alarm(1);
        report('artifact', outcome(fn () => $build->wait(20)));
        pcntl_alarm(0);
        PHP);
    $reports = $program->receiveAll();
    is_true(count($reports['handled'] ?? []) >= 2, 'handlers: ' . show($reports));
    same(false, $reports['handled'][0]);
    same(true, $reports['artifact'][0]['good'] ?? $reports);
});

test('an exception from a handler ends the wait and not the build', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(2.5);
    $program = $sandbox->php(<<<'PHP'
        pcntl_async_signals(true);
        pcntl_signal(SIGALRM, fn () => throw new DomainException('enough'));
        $build = Pillion\Velox\build(configuration());
        pcntl_alarm(1);
        $began = microtime(true);
        report('wait', outcome(fn () => $build->wait(20)));
        report('seconds', microtime(true) - $began);
        pcntl_alarm(1);
        report('select', outcome(fn () => Pillion\select([$build], 20)));
        report('artifact', outcome(fn () => $build->wait(20)));
        PHP);
    $reports = $program->receiveAll();
    same(['class' => 'DomainException', 'message' => 'enough'], $reports['wait'][0]);
    is_true($reports['seconds'][0] < 2.3, 'the exception came late');
    same(['class' => 'DomainException', 'message' => 'enough'], $reports['select'][0]);
    same(true, $reports['artifact'][0]['good'] ?? $reports['artifact']);
    same(1, $velox->counter('build_requests'));
});

test('a handler may wait for another build while PHP waits for one', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['delay_ms' => 3000, 'times' => 1], ['delay_ms' => 300]]]);
    $program = $sandbox->php(<<<'PHP'
        pcntl_async_signals(true);
        pcntl_signal(SIGALRM, fn () => report('inner', outcome(fn () => Pillion\Velox\build(configuration('inner'))->wait(20))));
        $build = Pillion\Velox\build(configuration('outer'));
        pcntl_alarm(1);
        report('outer', outcome(fn () => $build->wait(20)));
        PHP);
    same(true, $program->receive('inner')['good'] ?? null);
    same(true, $program->receive('outer')['good'] ?? null);
});

test('a storm of signals does not change the results of waits', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.1);
    $program = $sandbox->php(<<<'PHP'
        pcntl_async_signals(true);
        $handled = 0;
        pcntl_signal(SIGUSR1, function () use (&$handled): void { $handled++; });
        $parent = getmypid();
        $storm = child(function () use ($parent): void {
            while (posix_kill($parent, SIGUSR1)) usleep(500);
        });
        $good = 0;
        for ($i = 0; $i < 20; $i++) {
            $good += (int) Pillion\Velox\build(configuration("storm {$i}"))->wait(20)->verify();
        }
        posix_kill($storm, SIGKILL);
        reap($storm);
        report('good', $good);
        report('handled', $handled);
        PHP);
    same(20, $program->receive('good', 60));
    is_true($program->receive('handled') > 100, 'few signals were handled');
    same(0, $program->wait());
});

test('a handler without async signals runs when PHP dispatches signals', function (Sandbox $sandbox): void {
    $sandbox->velox()->delay(1.5);
    $program = $sandbox->php(<<<'PHP'
        pcntl_signal(SIGALRM, fn () => report('handled'));
        $build = Pillion\Velox\build(configuration());
        pcntl_alarm(1);
        report('artifact', outcome(fn () => $build->wait(20)));
        pcntl_signal_dispatch();
        PHP);
    same(true, $program->receive('artifact')['good'] ?? null);
    $program->receive('handled');
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

test('the time that a script waits does not count against its time limit', function (Sandbox $sandbox): void {
    // Without threads, PHP's limit counts the processor time of the whole process, our threads included.
    $sandbox->velox()->delay(3);
    $program = $sandbox->php('set_time_limit(1); report("artifact", outcome(fn () => Pillion\Velox\build(configuration())->wait(20)));');
    if (is_zts()) {
        same(255, $program->wait());
        is_true(str_contains($program->errors(), 'Maximum execution time of 1 second exceeded'), $program->errors());
    } else {
        same(true, $program->receive('artifact')['good'] ?? null);
    }
});
