<?php

// Prints the state as a later process sees it: every listed artifact, and a lookup of each given key. With `sweep` it
// first waits until it has done the periodic work of the host. Arguments: look|sweep, directories of flights, state and
// run, keys.

declare(strict_types=1);

use Pillion\Artifacts;

[, $mode, $flights, $state, $run] = $argv;
$report = null;
if ($mode === 'sweep') {
    $report = Artifacts\clean()->wait(60);
    $deadline = microtime(true) + 30;
    do {
        $leader = Pillion\status()['host']['leader'];
        $left = glob("{{$flights}/*.outcome,{$flights}/*.tmp,{$state}/.secret-*,{$run}/*.tmp}", GLOB_BRACE);
        usleep(20_000);
    } while ((!$leader || $left !== []) && microtime(true) < $deadline);
    // Two concurrent cleanings may each leave a file to the other.
    $report = Artifacts\clean()->wait(60);
}
$listed = $found = [];
for ($after = null; $page = Artifacts\entries(1000, $after); $after = end($page)->key) {
    foreach ($page as $artifact) {
        $listed[$artifact->key] = $artifact->sha256;
    }
}
foreach (array_unique([...array_keys($listed), ...array_slice($argv, 5)]) as $key) {
    $artifact = Artifacts\find((string) $key);
    $found[$key] = $artifact === null ? null : [$artifact->sha256, $artifact->verify()];
}
$counted = [];
foreach (Pillion\Metrics\families() as $family) {
    foreach ($family['name'] === 'chaos_calls_total' ? $family['samples'] : [] as $sample) {
        $counted[$sample['labels']['worker']] = ($counted[$sample['labels']['worker']] ?? 0) + (int) $sample['value'];
    }
}
echo json_encode([
    'listed' => (object) $listed,
    'found' => (object) $found,
    'workers' => count(Pillion\status()['host']['workers']),
    'counted' => (object) $counted,
    'report' => $report,
]), "\n";
