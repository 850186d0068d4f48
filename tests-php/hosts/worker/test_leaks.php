<?php

// Reports of Worker\leaks() under FrankenPHP, with several threads at once.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

function leaking(Sandbox $sandbox, int $threads): FrankenPhp
{
    $sandbox->set('worker_leak_check', 'on');
    $sandbox->set('log_level', 'error');
    putenv("NOTES_DIRECTORY={$sandbox->directory}");

    return new FrankenPhp($sandbox, ['script' => __DIR__ . '/leaking.php', 'threads' => $threads], ['session.save_path' => $sandbox->directory]);
}

test('a clean application leaks nothing in 1,000 requests on two threads', function (Sandbox $sandbox): void {
    $host = leaking($sandbox, 2);
    same(201, Http::post($host->url('notes'), 'text=milk', 'application/x-www-form-urlencoded')['status']);
    $paths = [$host->url(''), $host->url('notes/1'), $host->url('notes/99'), $host->url('nowhere'), $host->url('login/ann', session: 'ann'), $host->url('', session: 'ann')];
    $ask = static function (int $rounds) use ($paths): array {
        $leaksByThread = [];
        foreach (Http::many(array_merge(...array_fill(0, $rounds, $paths)), 4) as $answer) {
            ['thread' => $thread, 'leaks' => $leaks] = json_decode($answer['body'], true, flags: JSON_THROW_ON_ERROR);
            $leaksByThread[$thread] = [...$leaksByThread[$thread] ?? [], ...array_column($leaks, 'message')];
        }

        return $leaksByThread;
    };
    // Each thread serves each page.
    $ask(20);
    $leaksByThread = $ask(intdiv(1000, count($paths)) + 1);
    same(2, count($leaksByThread), 'threads');
    same([], array_merge(...array_values($leaksByThread)), 'leaks');
    $status = $host->ask('status');
    // If PHP's collector has not run often enough, the result is not known yet.
    $trend = $status['trend'] ?? ['bytes' => 0, 'requests' => 0];
    is_true(abs($trend['bytes']) < 50_000 && $trend['requests'] <= $status['requests'], show($status));
});

test('a leak is named on the thread that has it, and on no other', function (Sandbox $sandbox): void {
    $host = leaking($sandbox, 3);
    $paths = [];
    for ($number = 0; $number < 150; $number++) {
        array_push($paths, $host->url('leak'), $host->url('leaks'), $host->url('leaks'));
    }
    $found = $served = [];
    foreach (Http::many($paths, 6) as $number => $answer) {
        ['thread' => $thread, 'leaks' => $leaks] = Http::decode($answer);
        $served[$thread] = ($served[$thread] ?? 0) + (int) ($number % 3 === 0);
        foreach ($leaks as $leak) {
            same(1, preg_match('~^Basket::\$items: array (\d+) → (\d+) elements, \+\d+ bytes$~', $leak['message'], $sizes), $leak['message']);
            same(['static property', __DIR__ . '/leaking.php', 9], [$leak['kind'], $leak['file'], $leak['line']]);
            $found[$thread] = max($found[$thread] ?? 0, (int) $sizes[2]);
        }
    }
    is_true(count($found) > 1, 'more than one thread leaks: ' . show($served));
    foreach ($found as $thread => $most) {
        // The last one may have had no request after it.
        is_true($most >= $served[$thread] - 1 && $most <= $served[$thread], "thread {$thread}: {$most} of {$served[$thread]}");
    }
    // Named after enough of them, however they were spread.
    same([], array_diff(array_keys(array_filter($served, fn (int $leaks): bool => $leaks > 30)), array_keys($found)), show($served));
});

test('each thread is listed as a worker by all others, also after restarts and ends', function (Sandbox $sandbox): void {
    $sandbox->set('log_level', 'error');
    $host = leaking($sandbox, 3);
    $seen = static function () use ($sandbox): array {
        $php = $sandbox->php('echo json_encode(Pillion\status()["workers"]), "\n";');
        $workers = json_decode($php->line(), true);
        same(0, $php->wait());

        return $workers;
    };
    $all = static function () use ($host, $seen): ?array {
        Http::many(array_fill(0, 24, $host->url('leak')), 6);
        $workers = $seen();

        return count($workers) === 3 ? $workers : null;
    };
    $workers = eventually('three threads have served', $all, 30);
    same([$host->pid], array_values(array_unique(array_column($workers, 'pid'))));
    same(['frankenphp-worker'], array_values(array_unique(array_column($workers, 'mode'))));
    same(3, count(array_unique(array_column($workers, 'thread'))), 'threads');
    is_true(min(array_column($workers, 'requests')) > 0 && array_sum(array_column($workers, 'leaks')) > 0, show($workers));
    $host->restart();
    $again = eventually('three threads have served after a restart', $all, 30);
    same([1], array_values(array_unique(array_column($again, 'restarts'))), 'restarts');
    same([], array_intersect(array_column($workers, 'thread'), array_column($again, 'thread')), 'threads of before');
    $host->process->kill();
    same([], $seen(), 'after its death');
});
