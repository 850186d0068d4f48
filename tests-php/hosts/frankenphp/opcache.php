<?php

// FrankenPHP with opcache: a preload script runs at each start of PHP, and opcache_reset() is a restart of all threads
// that PHP code requests.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/load.php';
require __DIR__ . '/../lib/preload.php';

/** Resets under load. */
define('RESETS', (int) (getenv('ROUNDS') ?: 15));

test('a preload script can start nothing at each start of PHP; threads build later', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.1);
    $results = "{$sandbox->directory}/results";
    touch($results);
    file_put_contents("{$sandbox->directory}/preload.php", '<?php require_once "' . dirname(__DIR__) . '/program.php";' . <<<'PHP'
        file_put_contents(__DIR__ . '/results', json_encode([
            'preloading' => true,
            'find' => outcome(fn () => Pillion\Velox\find(configuration('one'))),
            'build' => outcome(fn () => Pillion\Velox\build(configuration('one')))['class'] ?? null,
            'put' => outcome(fn () => Pillion\Artifacts\put('00000000000000aa', '/bin/true'))['class'] ?? null,
            'notifier' => outcome(fn () => get_resource_type(Pillion\notifier())),
            'status' => Pillion\status()['runtime']['started'],
        ]) . "\n", FILE_APPEND);
        final class Preloaded {}
        PHP);
    $restarts = survives_restarts_with_preload() ? 5 : 0;
    $host = new FrankenPhp($sandbox, ini: opcache() + preloading("{$sandbox->directory}/preload.php"));
    for ($i = 1; $i <= max(1, $restarts); $i++) {
        same(true, $host->ask('build', name: "after start {$i}")['answer']['good'] ?? null);
        $status = $host->ask('opcache')['answer'];
        same([true, true], [$status['opcache_enabled'] ?? $status, in_array('Preloaded', $status['preload_statistics']['classes'] ?? [], true)], 'preloaded');
        $restarts > 0 && $host->restart();
    }
    $host->ask('hello');
    $found = array_map(fn (string $line): array => json_decode($line, true), file($results));
    $starts = $restarts + 1;
    same($starts, count($found), 'starts');
    $refused = 'Pillion\StateException';
    same(array_fill(0, $starts, ['preloading' => true, 'find' => null, 'build' => $refused, 'put' => $refused]), array_map(fn (array $one): array => array_slice($one, 0, 4), $found));
    same(array_fill(0, $starts, false), array_column($found, 'status'));
    $restarts > 0 && same([], our_threads($host->pid), 'threads of a PHP that was just started');
});

test(sprintf('opcache_reset() under load, %d times: every request is answered without residue', RESETS), function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->delay(0.2);
    $host = new FrankenPhp($sandbox, ini: opcache());
    $reset = function (int $i) use ($host): void {
        $host->ask('submit', name: "long {$i}");
        same(true, $host->ask('opcache_reset')['answer']);
    };
    under_load($sandbox, $host, 5, $reset);
    $host->ask('build', name: 'before');
    $before = $host->settled();
    $memory = memory($host->pid);
    $statuses = under_load($sandbox, $host, RESETS, $reset);
    $odd = array_diff_key($statuses, ['good' => 0, 'answered' => 0, 'Pillion\CancelledException' => 0]);
    same([], $odd, 'answers: ' . show($statuses));
    same(true, $host->ask('build', name: 'after')['answer']['good'] ?? null);
    $after = $host->settled();
    note(show(['answers' => $statuses, 'before' => $before, 'after' => $after, 'KiB more' => memory($host->pid) - $memory]));
    same($before['threads'], $after['threads'], 'threads');
    is_true($after['descriptors'] <= $before['descriptors'] + 6, show([$before, $after]));
    is_true(memory($host->pid) - $memory < 32 * 1024, 'resident KiB: ' . show([$memory, memory($host->pid)]));
    same(1, count(glob($sandbox->setting('run_dir') . '/presence/*')), 'presences');
});
