<?php

/*
 * Functions of the namespace Pillion\Metrics: the application's own metrics, and the page of all metrics. For IDEs and
 * static analysers; not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion\Metrics;

/**
 * Defines a metric. It is not needed: the first `increment()`, `gauge()` or `observe()` of a name defines a counter, a
 * gauge or a histogram with the buckets of Prometheus's clients. A definition adds the help text, fixes the labels, and
 * puts a metric without labels on the page at once. Repeating it costs little; another definition of the name replaces
 * it, and takes numbers of another type or other buckets off the page. The setting `pillion.metrics_collect` does the
 * same in configuration.
 *
 * @param string                $name    letters, digits, `_` and `:`; a counter's name should end with `_total`
 * @param string                $type    `counter`, `gauge`, `histogram` or `summary` (count and sum, no quantiles)
 * @param string                $help    one sentence, at most 1,000 bytes
 * @param list<string>          $labels  names of its labels, at most 16; none: each call may name others
 * @param list<int|float>       $buckets upper bounds of a histogram, ascending, at most 64; none: 0.005 to 10 seconds
 * @param string                $mode    of a gauge: `mostrecent`, one value of the host, the default; `livesum`,
 *                                       `liveall`, `livemax`, `livemin`: each process has its own, which ends with
 *                                       it, and the page has their sum, each with the label `pid`, the largest or
 *                                       the smallest
 *
 * @throws \ValueError a part is invalid, or the name is one of Pillion's own
 */
function register(string $name, string $type, string $help = '', array $labels = [], array $buckets = [], string $mode = ''): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Removes the definition of a metric, and takes its numbers off the page; the next use of the name defines it anew.
 * False if there is no such metric.
 */
function unregister(string $name): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Adds to a counter or a gauge of this host: all processes that share `pillion.run_dir` add to one number, which
 * outlives them. Where `pillion.metrics_memory` has no space for a new series, the call does nothing and counts in
 * `pillion_application_refused_total`.
 *
 * ```php
 * Pillion\Metrics\increment('orders_total', ['country' => 'de']);
 * ```
 *
 * @param array<int|string, int|string> $labels values by label; or, of a registered metric, values in its order.
 *                                              A value has at most 1,024 bytes; the rest is cut
 * @param float                         $by     not negative for a counter
 *
 * @throws \ValueError the name or a label is invalid, or the metric has another type or other labels
 */
function increment(string $name, array $labels = [], float $by = 1.0): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Sets a gauge of this host: the last call of any process counts, and outlives it.
 *
 * @param array<int|string, int|string> $labels as of `increment()`
 *
 * @throws \ValueError as of `increment()`
 */
function gauge(string $name, float $value, array $labels = []): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Adds a value to a histogram or a summary of this host, such as a duration in seconds.
 *
 * @param array<int|string, int|string> $labels as of `increment()`
 *
 * @throws \ValueError as of `increment()`
 */
function observe(string $name, float $value, array $labels = []): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The application's metrics as they are now, in the order of their names.
 *
 * @return list<array{
 *     name: string,
 *     type: string,
 *     help: string,
 *     samples: list<array{
 *         labels: array<string, string>,
 *         value?: float,
 *         buckets?: list<array{float, int}>,
 *         sum?: float,
 *         count?: int
 *     }>
 * }> `value` of counters and gauges; `sum` and `count` of histograms and summaries; `buckets`: upper bound, and the
 *    count of all values that are not above it
 */
function families(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Sets the application's metrics to zero, for all processes of this host, and takes their series off the page until
 * they are used again. For tests; Prometheus takes it for a restart.
 */
function clear(): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The metrics of this host, Pillion's and the application's, in Prometheus's text format, version 0.0.4, or as
 * OpenMetrics 1.0.0. The numbers are those of all processes that share `pillion.run_dir`, also of those that have
 * ended, so any worker may answer the scrape:
 *
 * ```php
 * $accept = $_SERVER['HTTP_ACCEPT'] ?? null;
 * header('Content-Type: ' . Pillion\Metrics\content_type($accept));
 * echo Pillion\Metrics\render($accept);
 * ```
 *
 * Every series of Pillion exists from the start, at 0. Starts no thread. A part of the host that can't be opened,
 * because a setting is invalid for one, has zeros.
 *
 * @param string|null $accept the scrape's header `Accept`, which chooses the format; null: Prometheus's
 */
function render(?string $accept = null): string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The `Content-Type` of the page that `render()` returns for the same `$accept`.
 */
function content_type(?string $accept = null): string
{
    throw new \Error('the extension pillion is not loaded');
}
