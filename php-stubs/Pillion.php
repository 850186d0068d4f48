<?php

/*
 * Functions of the namespace Pillion: what goes for all futures, whoever gave them. For IDEs and static analysers;
 * never loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion;

/**
 * Waits until at least one of the futures is done, and returns those that are, under their keys and in their order.
 *
 * A future counts as done when it has a value, has failed or was cancelled: its {@see Future::wait()} then returns or
 * throws at once. Signals are served meanwhile (`pcntl_async_signals`), and so is PHP's time limit; an exception that a
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
 * @param float|null $timeout seconds, 0 and more; 0 only looks, null waits without end
 *
 * @return array<K, F> empty where none was done in time
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
 * `stream_select()`. There is nothing in it that is worth reading: call {@see completed()} when it turns readable, which
 * also drains it.
 *
 * Every call in a request gives the same stream; where it was closed, a new one. In a forked child a new one too.
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
 * The futures of this thread that have become done since the last call, each once, in the order in which they did: the
 * very objects that were handed out. Those that PHP has dropped meanwhile are left out. Never waits.
 *
 * Takes nothing away from {@see select()} and {@see Future::wait()}, nor they from it.
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
 * Everything about Pillion in this process and on this host, for a health page. Starts nothing, and holds no secret.
 * Fields may be added.
 *
 * - `mode`: the server API, such as `cli`, `fpm-fcgi`, `frankenphp`.
 * - `runtime.jobs`: what is under way in this process; `seconds` since it was asked for.
 * - `heap`: what the extension itself holds in memory now.
 * - `host.steward`: whether this process does the host's duties at the moment.
 * - `host.workers`: all processes on the host that have used Pillion's background; `seconds` since they did first.
 * - `workers`: all workers of the host, one for each PHP thread: FrankenPHP's and RoadRunner's workers and loops of one's own
 *   from their first request on, php-fpm's children from their first job on. `busy`: for how many seconds a request has been
 *   under way, else null; `idle`: seconds since the last one ended. `requests`, `memory` and `durations.last` are the
 *   thread's, `p50` and `p99` its process's; `leaks`: how many entries {@see Worker\leaks()} has there.
 * - `velox.reason`: why builds are off, where a bad setting has switched them off.
 * - `velox.builds`: as {@see Velox\builds()}.
 * - `sentry.dsn`: the project, without its key; `sentry.queued`: envelopes of this process that wait.
 * - `artifacts`: as {@see Artifacts\stats()}; or `enabled` alone, false, with a `reason` where the cache can't be opened.
 * - `problems`: what is wrong with the settings, one line each.
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
 *         steward: bool,
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
