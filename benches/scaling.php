<?php

declare(strict_types=1);

/**
 * Two processes that look up random keys of 16,384 at the same time, against one: Pillion and APCu. They are forked
 * from this one, because only forked processes share APCu.
 */

use Pillion\Velox;

require __DIR__ . '/support.php';

const ENTRIES = 16_384;

$numbers = range(0, ENTRIES - 1);
mt_srand(1);
shuffle($numbers);
$keys = array_map(fixture_key(...), $numbers);
foreach ($keys as $key) {
    apcu_store($key, metadata($key));
}

$ours = static function () use ($keys): int {
    foreach ($keys as $key) {
        $found = Velox\find($key);
    }

    return ENTRIES;
};
$peer = static function () use ($keys): int {
    foreach ($keys as $key) {
        $found = apcu_fetch($key);
    }

    return ENTRIES;
};

$samples = rounds(7, [
    'ours 1' => static fn (): float => together(1, $ours),
    'peer 1' => static fn (): float => together(1, $peer),
    'ours 2' => static fn (): float => together(2, $ours),
    'peer 2' => static fn (): float => together(2, $peer),
]);
$scaling = static fn (string $who): float => $samples["$who 2"]->median() / $samples["$who 1"]->median();
foreach ([1 => 'one process', 2 => 'two processes'] as $count => $name) {
    row(
        "lookups of $name, millions a second",
        $samples["ours $count"]->tell('M/s', 1),
        "`apcu_fetch` of an array without the configuration: {$samples["peer $count"]->tell('M/s', 1)}",
        $count === 1 ? '' : sprintf('%s of one; APCu %s', times($scaling('ours')), times($scaling('peer'))),
        $count === 1 ? '' : '≥ 1.8× of one',
        $count === 1 ? [] : [$scaling('ours') >= 1.8],
    );
}
