<?php

// Each value of the shared cache behaves like one variable, for all processes of a host: no read returns a value after
// the end of its overwrite or removal by another process, through level zero neither. SECONDS=60 is the long form.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/registers.php';

test('the check of histories finds reads of the past', function (): void {
    $history = static function (array ...$operations): ?string {
        $history = new History();
        foreach ($operations as [$kind, $value, $start, $end]) {
            $kind === 'w' ? $history->write(1, $value, $start, $end) : $history->read(1, $value, $start, $end);
        }

        return $history->contradiction() ?? $history->decrease(1);
    };
    same(null, $history(['w', 1, 0, 10], ['w', 2, 20, 30], ['g', 1, 25, 28], ['g', 2, 24, 26]), 'while it is overwritten');
    same(null, $history(['w', 2, 0, 30], ['w', 1, 0, 30], ['g', 1, 5, 40], ['g', 2, 35, 50]), 'the smaller first');
    foreach ([
        'after its overwrite' => [['w', 1, 0, 10], ['w', 2, 20, 30], ['g', 1, 31, 40]],
        'after a read of the later one' => [['w', 1, 0, 10], ['w', 2, 20, 90], ['g', 2, 21, 25], ['g', 1, 26, 30]],
        'back and forth' => [['w', 1, 0, 90], ['w', 2, 0, 90], ['g', 1, 5, 10], ['g', 2, 15, 20], ['g', 1, 25, 30]],
        'before it is stored' => [['w', 1, 20, 30], ['g', 1, 5, 10]],
        'a smaller sum' => [['w', 1, 0, 90], ['w', 2, 0, 90], ['g', 2, 5, 10], ['g', 1, 15, 20]],
    ] as $what => $operations) {
        is_true($history(...$operations) !== null, $what);
    }
});

foreach (['stores, removals, tags and counters' => false, 'stores, removals, tags and clear()' => true] as $what => $clears) {
    test("no process reads a value of the past: {$what}", function (Sandbox $sandbox) use ($clears): void {
        $processes = [];
        for ($i = 0; $i < PROCESSES; ++$i) {
            $file = "{$sandbox->directory}/records-{$i}";
            $processes[$file] = start_register($sandbox, $file, $i + 1, $clears);
        }
        work_together($processes);
        $history = new History();
        foreach (array_keys($processes) as $file) {
            $history->add((string) file_get_contents($file));
        }
        same(null, $history->contradiction());
        same(null, $history->decrease(9999));
        is_true(min($history->reads, $history->writes) > 1000, "too few: {$history->reads} reads of other values, {$history->writes} changes");
        note("{$history->reads} reads of other values, {$history->writes} changes");
    });
}
