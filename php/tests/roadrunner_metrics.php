<?php

/*
 * Of spiral/roadrunner-metrics 3.3 the names and signatures that the bridge uses, for the tests, which use the package
 * itself if the environment names its autoloader (ROADRUNNER_METRICS).
 */

declare(strict_types=1);

namespace Spiral\RoadRunner\Metrics {
    interface CollectorInterface
    {
        /** @return array{type: string, namespace: string, subsystem: string, help: string, labels: string[], buckets: float[]} */
        public function toArray(): array;
    }

    interface MetricsInterface
    {
        /** @param string[] $labels */
        public function add(string $name, float $value, array $labels = []): void;

        /** @param string[] $labels */
        public function sub(string $name, float $value, array $labels = []): void;

        /** @param string[] $labels */
        public function observe(string $name, float $value, array $labels = []): void;

        /** @param string[] $labels */
        public function set(string $name, float $value, array $labels = []): void;

        public function declare(string $name, CollectorInterface $collector): void;

        public function unregister(string $name): void;
    }
}

namespace Spiral\RoadRunner\Metrics\Exception {
    class MetricsException extends \RuntimeException {}
}
