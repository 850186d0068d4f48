<?php

declare(strict_types=1);

/**
 * The adapters of `Pillion\Cache` against Symfony's over APCu, both in this process, in turns; the cost of the loop is
 * subtracted on both sides. SYMFONY names an autoloader of symfony/cache; without it the peer is `apcu_fetch` itself.
 */

use Pillion\Bridge\SimpleCache\Cache;
use Pillion\Bridge\Symfony\CacheAdapter;
use Symfony\Component\Cache\Adapter\ApcuAdapter;
use Symfony\Component\Cache\Psr16Cache;

require __DIR__ . '/support.php';
require __DIR__ . '/../php/tests/load.php';

const READS = 20_000;

$isReal = class_exists(ApcuAdapter::class);
$ours = ['PSR-16 `get`' => new Cache('bench:'), 'contracts `get($key, $callback)`' => new CacheAdapter('bench')];
$peer = $isReal ? new ApcuAdapter('bench') : null;
$peers = $isReal ? ['PSR-16 `get`' => new Psr16Cache($peer), 'contracts `get($key, $callback)`' => $peer] : [];
$array = [];
for ($i = 0; $i < 100; ++$i) {
    $array["key $i"] = $i % 3 === 0 ? "value $i" : $i;
}
$time = static function (callable $read): float {
    $started = processor_time();
    $read();

    return (processor_time() - $started) / READS;
};
$loop = static function (): void {
    for ($i = 0; $i < READS; ++$i) {
        $found = $i;
    }
};
$psr16 = static fn (object $cache): callable => static function () use ($cache): void {
    for ($i = 0; $i < READS; ++$i) {
        $found = $cache->get('key');
    }
};
$contracts = static fn (object $cache): callable => static function () use ($cache): void {
    $callback = static fn () => throw new LogicException('a miss');
    for ($i = 0; $i < READS; ++$i) {
        $found = $cache->get('key', $callback);
    }
};
$raw = static function (): void {
    for ($i = 0; $i < READS; ++$i) {
        $found = apcu_fetch('key');
    }
};
foreach (['64 B' => str_repeat('x', 64), 'an array of 100' => $array] as $size => $value) {
    apcu_store('key', $value);
    foreach ([...array_values($ours), ...array_values($peers)] as $cache) {
        $cache->delete('key');
        $cache instanceof Psr\SimpleCache\CacheInterface ? $cache->set('key', $value, 3600) : $cache->get('key', static function ($item) use ($value) {
            $item->expiresAfter(3600);

            return $value;
        });
    }
    foreach (['PSR-16 `get`' => $psr16, 'contracts `get($key, $callback)`' => $contracts] as $name => $reads) {
        $passes = ['ours' => $reads($ours[$name]), 'peer' => $isReal ? $reads($peers[$name]) : $raw, 'loop' => $loop];
        $samples = rounds(9, array_map(static fn (callable $read): callable => static fn (): float => $time($read), $passes));
        [$our, $their] = array_map(static fn (Samples $of): Samples => $of->less($samples['loop']->median()), [$samples['ours'], $samples['peer']]);
        $faster = $their->median() / $our->median();
        row(
            "{$name}, {$size}",
            $our->tell('ns'),
            ($isReal ? "Symfony's ApcuAdapter" : '`apcu_fetch` without an adapter') . ": {$their->tell('ns')}",
            times($faster),
            $isReal ? '≥ 4×' : '',
            $isReal ? [$faster >= 4] : [],
        );
    }
}
