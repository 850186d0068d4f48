<?php

declare(strict_types=1);

/**
 * The application's metrics against APCu, both in this process, in turns; the cost of the loop is subtracted on both
 * sides. PROMPHP names an autoloader of promphp/prometheus_client_php; without it the peer is APCu itself, by a key of
 * the metric's name and its labels, which is less than promphp does.
 */

use Pillion\Metrics;
use Prometheus\CollectorRegistry;
use Prometheus\RenderTextFormat;
use Prometheus\Storage\APC;

require __DIR__ . '/support.php';

const CALLS = 20_000;
const SERIES = 10_000;

$promphp = getenv('PROMPHP');
is_string($promphp) && $promphp !== '' && require $promphp;
$isReal = class_exists(CollectorRegistry::class);
$registry = $isReal ? new CollectorRegistry(new APC(), false) : null;
$counter = $registry?->getOrRegisterCounter('', 'bench_total', 'Calls.', ['country', 'kind']);
$time = static function (callable $calls): float {
    $started = processor_time();
    $calls();

    return (processor_time() - $started) / CALLS;
};
$passes = [
    'ours' => static function (): void {
        for ($i = 0; $i < CALLS; ++$i) {
            Metrics\increment('bench_own_total', ['country' => 'de', 'kind' => 'web']);
        }
    },
    'peer' => $isReal ? static function () use ($counter): void {
        for ($i = 0; $i < CALLS; ++$i) {
            $counter->inc(['de', 'web']);
        }
    } : static function (): void {
        for ($i = 0; $i < CALLS; ++$i) {
            apcu_inc('bench_total:' . implode(':', ['de', 'web']));
        }
    },
    'observe' => static function (): void {
        for ($i = 0; $i < CALLS; ++$i) {
            Metrics\observe('bench_seconds', 0.137, ['kind' => 'web']);
        }
    },
    'loop' => static function (): void {
        for ($i = 0; $i < CALLS; ++$i) {
        }
    },
];
$samples = rounds(9, array_map(static fn (callable $calls): callable => static fn (): float => $time($calls), $passes));
$loop = $samples['loop']->median();
[$own, $peer, $observe] = array_map(static fn (string $pass): Samples => $samples[$pass]->less($loop), ['ours', 'peer', 'observe']);
$name = $isReal ? 'promphp on APCu, `inc`' : '`apcu_inc`, APCu ' . phpversion('apcu') . ', of a joined key';
$faster = $peer->median() / $own->median();
row('`Metrics\increment`, two labels', $own->tell('ns'), "$name: {$peer->tell('ns')}", times($faster), $isReal ? '≤ 60 ns, ≥ 50×' : '≤ 60 ns', [$own->median() <= 60, ...($isReal ? [$faster >= 50] : [])]);
row('`Metrics\observe`, one label', $observe->tell('ns'), '', '', '', []);

for ($i = 0; $i < SERIES; ++$i) {
    Metrics\increment('bench_many_total', ['country' => 'de', 'kind' => "kind $i"]);
    $isReal ? $registry->getOrRegisterCounter('', 'bench_many_total', 'Many.', ['country', 'kind'])->inc(['de', "kind $i"]) : apcu_inc("bench_many_total:de:kind $i");
}
$pages = [
    'ours' => static fn (): string => Metrics\render(),
    'peer' => $isReal ? static fn (): string => (new RenderTextFormat())->render($registry->getMetricFamilySamples()) : static function (): string {
        $page = '';
        foreach (new APCUIterator('/^bench_/', APC_ITER_KEY | APC_ITER_VALUE) as $key => $item) {
            [$metric, $country, $kind] = explode(':', $key) + ['', '', ''];
            $page .= "$metric{country=\"$country\",kind=\"$kind\"} {$item['value']}\n";
        }

        return $page;
    },
];
$samples = rounds(5, array_map(static fn (callable $page): callable => static function () use ($page): float {
    $started = processor_time();
    $page();

    return (processor_time() - $started) / 1e6;
}, $pages));
$faster = $samples['peer']->median() / $samples['ours']->median();
$name = $isReal ? 'promphp on APCu' : '`APCUIterator`, and a line for each';
row('the page with 10,000 series of the application', $samples['ours']->tell('ms', 1), "$name: {$samples['peer']->tell('ms', 1)}", times($faster), $isReal ? '≤ 10 ms, ≥ 50×' : '≤ 10 ms', [$samples['ours']->median() <= 10, ...($isReal ? [$faster >= 50] : [])]);
