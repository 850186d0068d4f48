<?php

/*
 * The client of RoadRunner's metrics plugin, over the application's metrics of the extension: no call of RPC, so it
 * works outside RoadRunner too.
 */

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

use LogicException;
use Pillion\Metrics as Own;
use Spiral\RoadRunner\Metrics\CollectorInterface;
use Spiral\RoadRunner\Metrics\Exception\MetricsException;
use Spiral\RoadRunner\Metrics\MetricsInterface;
use ValueError;

final class Metrics implements MetricsInterface
{
    /** @var array<string, string> full names of the metrics that were declared with a namespace or a subsystem */
    private array $names = [];

    /**
     * @throws LogicException the extension is not loaded
     */
    public function __construct()
    {
        if (!\extension_loaded('pillion')) {
            throw new LogicException('the extension pillion is not loaded');
        }
    }

    public function add(string $name, float $value, array $labels = []): void
    {
        self::call(Own\increment(...), $this->name($name), $labels, $value);
    }

    public function sub(string $name, float $value, array $labels = []): void
    {
        self::call(Own\increment(...), $this->name($name), $labels, -$value);
    }

    public function observe(string $name, float $value, array $labels = []): void
    {
        self::call(Own\observe(...), $this->name($name), $value, $labels);
    }

    public function set(string $name, float $value, array $labels = []): void
    {
        self::call(Own\gauge(...), $this->name($name), $value, $labels);
    }

    public function declare(string $name, CollectorInterface $collector): void
    {
        $fields = $collector->toArray();
        $parts = array_filter([$fields['namespace'], $fields['subsystem'], $name], static fn (string $part) => $part !== '');
        $this->names[$name] = implode('_', $parts);
        self::call(
            Own\register(...),
            $this->names[$name],
            $fields['type'],
            $fields['help'],
            $fields['labels'],
            $fields['buckets'],
        );
    }

    public function unregister(string $name): void
    {
        if (!Own\unregister($this->name($name))) {
            throw new MetricsException("no metric {$name}");
        }
        unset($this->names[$name]);
    }

    private function name(string $name): string
    {
        return $this->names[$name] ?? $name;
    }

    private static function call(callable $function, mixed ...$arguments): void
    {
        try {
            $function(...$arguments);
        } catch (ValueError $error) {
            throw new MetricsException($error->getMessage(), 0, $error);
        }
    }
}
