<?php

declare(strict_types=1);

/**
 * `Velox\find` with a key against `apcu_fetch` of the same metadata as an array: `find.php ENTRIES`. Both extensions
 * are in this process, and take turns. The cost of the loop itself is subtracted on both sides.
 */

use Pillion\Velox;

require __DIR__ . '/support.php';

$entries = (int) $argv[1];

// In the order of the lookups, so that cache misses of the key itself are not measured.
$numbers = range(0, $entries - 1);
mt_srand(1);
shuffle($numbers);
$keys = array_map(fixture_key(...), $numbers);
foreach ($keys as $key) {
    apcu_store($key, [...metadata($key), 'config' => CONFIG]);
}
apcu_store('flat', metadata($keys[0]));
if ((int) apcu_cache_info(true)['num_entries'] !== $entries + 1) {
    throw new RuntimeException('APCu has not kept all entries: apc.shm_size is too small');
}
foreach ($keys as $key) {
    Velox\find($key)?->key === $key || throw new RuntimeException("Pillion's index lacks $key");
}

$one = array_fill(0, 1000, $keys[0]);
[$warm, $peer] = lookups($one);
if ($entries <= 100_000) {
    compare('`Velox\find`, a warm key', $warm, '`apcu_fetch`', $peer, 10, 80);
    [$ours, $peer] = lookups($one, true);
    compare('the same, and its path read', $ours, "`apcu_fetch` of an array without the configuration, and its path read", $peer, null);
}
[$ours, $peer] = lookups($keys);
compare(sprintf('`Velox\find`, random keys of %s', number_format($entries)), $ours, '`apcu_fetch`', $peer, 10, 250);
if ($entries > 100_000) {
    // The tags of the key and its record are read at once: one access to memory where nothing else waits for it.
    $file = Pillion\Artifacts\stats()['index']['path'];
    $chase = rounds(5, ['step' => static fn (): float => (float) run([environment('PILLION_FIXTURES'), 'chase', $file])])['step'];
    $floor = $warm->median() + $chase->median();
    $share = $ours->median() / $floor;
    row('the same, against its floor', $ours->tell('ns'), sprintf('a warm key (%s) and a read from a random place of the index (%s): %.0f ns', $warm->tell('ns'), $chase->tell('ns'), $floor), times($share), '≤ 1.3×', [$share <= 1.3]);
}

/**
 * Nanoseconds of a lookup, of Pillion and of APCu.
 *
 * @param list<string> $keys
 * @return array{Samples, Samples}
 */
function lookups(array $keys, bool $readPath = false): array
{
    $samples = measured($keys, max(1, intdiv(500_000, count($keys))), $readPath ? [
        'ours' => static function (array $keys): void {
            foreach ($keys as $key) {
                $found = Velox\find($key)->path;
            }
        },
        'peer' => static function (array $keys): void {
            foreach ($keys as $key) {
                $found = apcu_fetch('flat')['path'];
            }
        },
    ] : [
        'ours' => static function (array $keys): void {
            foreach ($keys as $key) {
                $found = Velox\find($key);
            }
        },
        'peer' => static function (array $keys): void {
            foreach ($keys as $key) {
                $found = apcu_fetch($key);
            }
        },
    ]);

    return [$samples['ours'], $samples['peer']];
}
