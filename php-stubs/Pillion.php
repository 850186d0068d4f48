<?php

/*
 * Functions of the namespace Pillion: futures of all kinds, and the status. For IDEs and static analysers; not loaded
 * where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Waits until at least one of the futures is done, and returns the futures that are done, under their keys and in their
 * order.
 *
 * A future is done when it has a value, has failed or was cancelled: its {@see Future::wait()} then returns or
 * throws at once. Signals (`pcntl_async_signals`) and PHP's time limit are handled meanwhile; an exception that a
 * signal handler throws ends the wait.
 *
 * ```php
 * $open = ['linux' => Velox\build($linux), 'mac' => Velox\build($mac)];
 * while ($open) {
 *     foreach (Pillion\select($open, 0.5) as $name => $future) {
 *         unset($open[$name]);
 *         echo $name, ' ', $future->state(), "\n";
 *     }
 * }
 * ```
 *
 * @template K of array-key
 * @template F of Future<mixed>
 *
 * @param array<K, F> $futures with any keys; an empty one returns at once
 * @param float|null $timeout seconds, 0 or more; 0 does not wait, null waits without limit
 *
 * @return array<K, F> empty if none was done in time
 *
 * @throws StateException code 800: a future belongs to the process that this one was forked from
 * @throws \TypeError an element is no future
 * @throws \ValueError the timeout is negative or not a number
 */
function select(array $futures, ?float $timeout = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * A stream that turns readable when a future of this thread is done, for event loops: Revolt, ReactPHP,
 * `stream_select()`. Its content has no meaning: call {@see completed()} when it turns readable, which also drains it.
 *
 * Every call in a request returns the same stream; a new one after it was closed, and in a forked child.
 *
 * ```php
 * Revolt\EventLoop::onReadable(Pillion\notifier(), function (): void {
 *     foreach (Pillion\completed() as $future) {
 *         // …
 *     }
 * });
 * ```
 *
 * @return resource of the type `stream`, non-blocking
 *
 * @throws StateException code 900: no descriptor is left
 */
function notifier()
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The futures of this thread that have completed since the last call, each once, in the order of completion: the same
 * objects that were returned before. Futures that PHP has freed meanwhile are left out. Never waits.
 *
 * Independent of {@see select()} and {@see Future::wait()}.
 *
 * @return list<Future<mixed>>
 *
 * @throws StateException code 900: no descriptor is left
 */
function completed(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The state of Pillion in this process and on this host, for a health page. Starts nothing, and contains no secret.
 * Fields may be added.
 *
 * - `mode`: the server API, such as `cli`, `fpm-fcgi`, `frankenphp`.
 * - `runtime.jobs`: jobs of this process that have not ended; `seconds` since they were submitted.
 * - `heap`: memory that the extension itself uses.
 * - `host.leader`: whether this process is the leader, which does the periodic work of the host.
 * - `host.workers`: all processes of the host that have used Pillion's runtime; `seconds` since they first did.
 * - `workers`: all workers of the host, one for each PHP thread: workers of FrankenPHP and RoadRunner and other loops
 *   from their first request on, children of php-fpm from their first job on. `busy`: seconds since the current request
 *   began, else null, and `request` its method and URI without the query string, as far as they are known (a script of
 *   the command line has its path and no method); `idle`: seconds since the last one ended. `requests`, `memory` and
 *   `durations.last` are the thread's, `p50` and `p99` the process's; `leaks`: the number of entries that
 *   {@see Worker\leaks()} returns there.
 * - `velox.reason`: the bad setting that has disabled builds, if one has.
 * - `velox.builds`: as {@see Velox\builds()}.
 * - `sentry.dsn`: the project, without its key; `sentry.queued`: queued envelopes of this process.
 * - `artifacts`: as {@see Artifacts\stats()}; or only `enabled`, false, with a `reason` if the cache can't be opened.
 * - `problems`: errors and warnings of the configuration, and a shared cache that is smaller than its
 *   setting; one line each.
 *
 * @return array{
 *     version: string,
 *     pid: int,
 *     mode: string,
 *     runtime: array{
 *         started: bool,
 *         threads: int,
 *         jobs: list<array{id: string, kind: string, state: string, seconds: float}>,
 *     },
 *     heap: array{bytes: int, allocations: int},
 *     host: array{
 *         state_dir: string|null,
 *         run_dir: string|null,
 *         leader: bool,
 *         workers: list<array{pid: int, mode: string, version: string, seconds: float}>,
 *     },
 *     workers: list<array{
 *         pid: int,
 *         thread: int,
 *         mode: string,
 *         uptime: float,
 *         restarts: int,
 *         requests: int,
 *         busy: float|null,
 *         idle: float|null,
 *         request: array{method: string, uri: string}|null,
 *         durations: array{last: float, p50: float, p99: float},
 *         memory: int,
 *         peak_memory: int,
 *         memory_baseline: int,
 *         leaks: int,
 *     }>,
 *     velox: array{
 *         enabled: bool,
 *         reason: string|null,
 *         server_url: string|null,
 *         builds: list<array<string, mixed>>,
 *     },
 *     sentry: array{enabled: bool, reason: string|null, dsn: string|null, queued: int},
 *     artifacts: array<string, mixed>,
 *     problems: list<string>,
 * }
 */
function status(): array
{
    throw new \Error('the extension pillion is not loaded');
}
