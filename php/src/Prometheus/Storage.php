<?php

/*
 * promphp's storage: its counters, gauges and histograms are the application's metrics of the extension, so they are on
 * its page too, and all processes of the host share them.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Prometheus;

use LogicException;
use Pillion\Metrics;
use Prometheus\MetricFamilySamples;
use Prometheus\Storage\Adapter;

final class Storage implements Adapter
{
    /** A metric that promphp's registry sets by itself; the extension's page has its own. */
    private const PHP_INFO = 'php_info';

    /** @var array<string, true> metrics that this object has registered */
    private array $registered = [];

    /** @var mixed[]|null the data of PHP_INFO */
    private ?array $phpInfo = null;

    /**
     * @throws LogicException the extension is not loaded
     */
    public function __construct()
    {
        if (!\extension_loaded('pillion')) {
            throw new LogicException('the extension pillion is not loaded');
        }
    }

    /**
     * All metrics of the application, also those that were not counted through promphp.
     *
     * @return MetricFamilySamples[]
     */
    public function collect(bool $sortMetrics = true): array
    {
        $collected = $this->phpInfo === null ? [] : [new MetricFamilySamples($this->phpInfo)];
        foreach (Metrics\families() as $family) {
            $name = $family['name'];
            // promphp has one list of names for a metric; series that use others name them themselves.
            $names = array_keys($family['samples'][0]['labels']);
            $samples = [];
            foreach ($family['samples'] as $sample) {
                $own = array_keys($sample['labels']);
                $others = $own === $names ? [] : $own;
                $values = array_values($sample['labels']);
                $add = static function (string $suffix, array $more, int|float|string $value) use (&$samples, $name, $others, $values): void {
                    $samples[] = [
                        'name' => $name . $suffix,
                        'labelNames' => [...$others, ...array_keys($more)],
                        'labelValues' => [...$values, ...array_values($more)],
                        'value' => $value,
                    ];
                };
                foreach ($sample['buckets'] ?? [] as [$bound, $count]) {
                    $add('_bucket', ['le' => (string) $bound], $count);
                }
                if (isset($sample['buckets'])) {
                    $add('_bucket', ['le' => '+Inf'], $sample['count']);
                }
                if (isset($sample['count'])) {
                    $add('_count', [], $sample['count']);
                    $add('_sum', [], $sample['sum']);
                } else {
                    $add('', [], $sample['value']);
                }
            }
            $collected[] = new MetricFamilySamples([
                'name' => $name,
                'type' => $family['type'],
                'help' => $family['help'],
                'labelNames' => array_unique(array_map(static fn (array $sample) => array_keys($sample['labels']), $family['samples']), SORT_REGULAR) === [$names] ? $names : [],
                'samples' => $samples,
            ]);
        }

        return $collected;
    }

    /** @param mixed[] $data */
    public function updateSummary(array $data): void
    {
        $this->register($data, 'summary');
        Metrics\observe($data['name'], (float) $data['value'], self::labels($data));
    }

    /** @param mixed[] $data */
    public function updateHistogram(array $data): void
    {
        $this->register($data, 'histogram');
        Metrics\observe($data['name'], (float) $data['value'], self::labels($data));
    }

    /** @param mixed[] $data */
    public function updateGauge(array $data): void
    {
        if ($data['name'] === self::PHP_INFO) {
            $this->phpInfo = [...$data, 'samples' => [['labelNames' => []] + $data]];

            return;
        }
        $this->register($data, 'gauge');
        if ($data['command'] === Adapter::COMMAND_SET) {
            Metrics\gauge($data['name'], (float) $data['value'], self::labels($data));
        } else {
            Metrics\increment($data['name'], self::labels($data), (float) $data['value']);
        }
    }

    /** @param mixed[] $data */
    public function updateCounter(array $data): void
    {
        $this->register($data, 'counter');
        Metrics\increment($data['name'], self::labels($data), (float) $data['value']);
    }

    /** Sets all metrics of the application to zero, for all processes of the host. */
    public function wipeStorage(): void
    {
        foreach (Metrics\families() as $family) {
            Metrics\unregister($family['name']);
        }
        [$this->registered, $this->phpInfo] = [[], null];
    }

    /** @param mixed[] $data */
    private function register(array $data, string $type): void
    {
        $name = $data['name'];
        if (!isset($this->registered[$name])) {
            Metrics\register($name, $type, $data['help'], $data['labelNames'], $data['buckets'] ?? []);
            $this->registered[$name] = true;
        }
    }

    /**
     * @param mixed[] $data
     *
     * @return list<string>
     */
    private static function labels(array $data): array
    {
        return array_map(strval(...), $data['labelValues']);
    }
}
