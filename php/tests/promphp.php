<?php

/*
 * Of promphp/prometheus_client_php 2.15 the names and signatures that the storage uses, for the tests, which use the
 * package itself if the environment names its autoloader (PROMPHP).
 */

declare(strict_types=1);

namespace Prometheus\Storage {
    interface Adapter
    {
        public const COMMAND_INCREMENT_INTEGER = 1;
        public const COMMAND_INCREMENT_FLOAT = 2;
        public const COMMAND_SET = 3;

        /** @return \Prometheus\MetricFamilySamples[] */
        public function collect(bool $sortMetrics = true): array;

        /** @param mixed[] $data */
        public function updateSummary(array $data): void;

        /** @param mixed[] $data */
        public function updateHistogram(array $data): void;

        /** @param mixed[] $data */
        public function updateGauge(array $data): void;

        /** @param mixed[] $data */
        public function updateCounter(array $data): void;

        public function wipeStorage(): void;
    }
}

namespace Prometheus {
    class MetricFamilySamples
    {
        /** @param mixed[] $data */
        public function __construct(public readonly array $data) {}
    }
}
