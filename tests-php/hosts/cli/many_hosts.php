<?php

// Several hosts before one server, under load: no process reads a value of the past of its own host, and in the end all
// have the values of the server. SECONDS=60 is the long form.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/registers.php';
require __DIR__ . '/../lib/second_tier.php';

foreach (['stores, removals, tags and counters' => false, 'stores, removals, tags and clear()' => true] as $what => $clears) {
    test("no process reads a value of the past of its host, with a server behind: {$what}", function (Sandbox $sandbox) use ($clears): void {
        start_server($sandbox, (string) getenv('REDIS'));
        // clear() empties the namespace.
        $sandbox->set('cache_namespace', 'shop');
        $hosts = [$sandbox, $sandbox->sibling()];
        $processes = [];
        for ($i = 0; $i < PROCESSES; ++$i) {
            $file = "{$sandbox->directory}/records-{$i}";
            $processes[$file] = start_register($hosts[$i % 2], $file, $i + 1, $clears, FEW_KEYS);
        }
        $stats = work_together($processes);
        foreach ([0, 1] as $host) {
            $history = new History();
            foreach (array_keys($processes) as $i => $file) {
                $history->add((string) file_get_contents($file), $i % 2 === $host);
            }
            same(null, $history->contradiction(), "host {$host}");
            same(null, $history->decrease(9999), "host {$host}");
            is_true(min($history->reads, $history->writes) > 50, "too few: {$history->reads} reads of other values, {$history->writes} changes");
            note("{$history->reads} reads of other values, {$history->writes} changes");
        }
        foreach ($stats as $of) {
            same([0, true], [$of['second_tier']['lost_writes'], $of['second_tier']['connected']], 'the server is in use');
        }
        // A copy that no report has reached would stay for ever.
        $asked = array_map(fn (Sandbox $host): \Closure => on_host($host), $hosts);
        $keys = var_export(array_map(fn (int $key): string => "register {$key}", range(0, FEW_KEYS - 1)), true);
        $keys = str_replace("\n", '', $keys);
        eventually('all hosts have the same values', fn (): bool => $asked[0]("Cache\\get_multiple({$keys})") === $asked[1]("Cache\\get_multiple({$keys})"));
        $fresh = on_host($sandbox->sibling());
        same($fresh("Cache\\get_multiple({$keys})"), $asked[0]("Cache\\get_multiple({$keys})"), 'the values of the server');
    });
}
