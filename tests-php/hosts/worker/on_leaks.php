<?php

// What Worker\leaks() tells under FrankenPHP, with several threads at once.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

function leaking(Box $box, int $threads): FrankenPhp
{
    $box->set('worker_leak_check', 'on');
    $box->set('log_level', 'error');
    putenv("NOTES_DIRECTORY={$box->directory}");

    return new FrankenPhp($box, ['script' => __DIR__ . '/leaking.php', 'threads' => $threads], ['session.save_path' => $box->directory]);
}

test('a clean application with templates, SQLite and sessions leaves nothing behind in 1,000 requests on two threads', function (Box $box): void {
    $host = leaking($box, 2);
    same(201, Http::post($host->url('notes'), 'text=milk', 'application/x-www-form-urlencoded')['status']);
    $paths = [$host->url(''), $host->url('notes/1'), $host->url('notes/99'), $host->url('nowhere'), $host->url('login/ann', session: 'ann'), $host->url('', session: 'ann')];
    $ask = static function (int $rounds) use ($paths): array {
        $told = [];
        foreach (Http::many(array_merge(...array_fill(0, $rounds, $paths)), 4) as $answer) {
            ['thread' => $thread, 'leaks' => $leaks] = json_decode($answer['body'], true, flags: JSON_THROW_ON_ERROR);
            $told[$thread] = [...$told[$thread] ?? [], ...array_column($leaks, 'message')];
        }

        return $told;
    };
    // Each thread comes to each page.
    $ask(20);
    $told = $ask(intdiv(1000, count($paths)) + 1);
    same(2, count($told), 'threads');
    same([], array_merge(...array_values($told)), 'leaks');
    $trend = $host->ask('status')['trend'];
    is_true(abs($trend['bytes']) < 50_000, show($trend));
});

test('a leak is named on the thread that has it, and on no other', function (Box $box): void {
    $host = leaking($box, 3);
    $paths = [];
    for ($number = 0; $number < 150; $number++) {
        array_push($paths, $host->url('leak'), $host->url('leaks'), $host->url('leaks'));
    }
    $found = [];
    foreach (Http::many($paths, 6) as $answer) {
        ['thread' => $thread, 'leaks' => $leaks] = Http::decode($answer);
        foreach ($leaks as $leak) {
            same(1, preg_match('~^Basket::\$items: array (\d+) → (\d+) elements?, \+\d+ bytes$~', $leak['message'], $sizes), $leak['message']);
            same((int) $sizes[1] + 1, (int) $sizes[2]);
            same(['static property', __DIR__ . '/leaking.php', 9], [$leak['kind'], $leak['file'], $leak['line']]);
            $found[$thread][] = (int) $sizes[1];
        }
    }
    is_true(count($found) > 1, 'more than one thread leaks: ' . show(array_map(count(...), $found)));
    foreach ($found as $thread => $sizes) {
        sort($sizes);
        // Each once, by the request that follows on the thread; the last one may have had none.
        same(range($sizes[0], $sizes[0] + count($sizes) - 1), $sizes, "thread {$thread}");
        is_true($sizes[0] <= 2, "thread {$thread} begins with {$sizes[0]}");
    }
    is_true(array_sum(array_map(count(...), $found)) >= 150 - 3 * 3, 'nearly all are told: ' . show(array_map(count(...), $found)));
});

test('each thread is a worker of its own to all others, restarts and ends of threads included', function (Box $box): void {
    $box->set('log_level', 'error');
    $host = leaking($box, 3);
    $seen = static function () use ($box): array {
        $php = $box->php('echo json_encode(Pillion\status()["workers"]), "\n";');
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
