<?php

/*
 * Functions of the namespace Pillion\Worker: requests in workers. For IDEs and static analysers; not loaded where the
 * extension is.
 */

declare(strict_types=1);

namespace Pillion\Worker;

/**
 * The runtime: `frankenphp-worker`, `frankenphp`, `roadrunner`, `fpm`, `cli`, `cli-server` or `other`.
 *
 * `CADDY_WORKER_MODE` in the environment of the request or the process overrides it: with `true` FrankenPHP is
 * `frankenphp-worker`, with `false` it is `frankenphp`, and RoadRunner is `cli`.
 *
 * @return 'frankenphp-worker'|'frankenphp'|'roadrunner'|'fpm'|'cli'|'cli-server'|'other'
 */
function mode(): string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The id of the current request, the same until it ends: its `X-Request-Id` if that is 1 to 128 letters, digits and
 * `-_.:+/=@`; else the trace id of a valid `traceparent`; else a UUID of version 7. Empty between two requests of a
 * worker.
 *
 * @throws \Pillion\StateException code 999: the system has no randomness
 */
function request_id(): string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Begins a request, in a loop that Pillion does not know: Swoole, ReactPHP, a queue's consumer. Not needed in
 * FrankenPHP, RoadRunner and php-fpm, whose requests are detected.
 *
 * ```php
 * Worker\request_begin($message->id);
 * try {
 *     handle($message);
 * } finally {
 *     Worker\request_end();
 * }
 * ```
 *
 * @param string|null $id the id that {@see request_id()} returns; null: one is generated
 *
 * @throws \Pillion\StateException code 800: a request is in progress, or the runtime begins its requests itself
 * @throws \ValueError the id is not 1 to 128 letters, digits and `-_.:+/=@`
 */
function request_begin(?string $id = null): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Ends the request that {@see request_begin()} has begun.
 *
 * @throws \Pillion\StateException code 800: there is none
 */
function request_end(): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Serves requests in any runtime: the request loop of a worker script, and its last statement.
 *
 * | runtime | the handler is given | its result | `loop()` returns |
 * | --- | --- | --- | --- |
 * | FrankenPHP, worker | nothing: superglobals are the request's | is ignored: it prints | when FrankenPHP stops the worker |
 * | RoadRunner with `spiral/roadrunner-http` | a PSR-7 `ServerRequestInterface` | a PSR-7 `ResponseInterface` | when RoadRunner stops the worker |
 * | RoadRunner with `pillion/bridge` alone | a `Pillion\Bridge\RoadRunner\Request` | anything that `Pillion\Bridge\RoadRunner\Response::from()` accepts | when RoadRunner stops the worker |
 * | php-fpm, the command line, all others | nothing | is ignored | after one request |
 *
 * In a worker it also returns, after the current request, when it has served $maxRequests, when PHP uses more memory
 * than `pillion.worker_max_memory`, and in RoadRunner after a signal that would end the process (`SIGTERM`, `SIGINT`,
 * `SIGQUIT`, `SIGHUP`, `SIGUSR1`, `SIGUSR2`) and that the application does not handle. Let the script end then: the
 * runtime restarts it, and no request is lost meanwhile.
 *
 * If the handler throws, a worker answers with status 500 and goes on; elsewhere `loop()` throws the exception.
 * `exit()` ends the script, as everywhere. In RoadRunner, output goes into RoadRunner's log, with `pillion/bridge` also
 * that of programs that the handler starts.
 *
 * ```php
 * $application = new Application();
 * Worker\loop($application->handle(...));
 * ```
 *
 * @param callable $handler
 * @param int $maxRequests 0: no limit
 *
 * @return int the number of requests served
 *
 * @throws \ValueError $maxRequests is negative
 * @throws \Pillion\StateException code 800: it is called in a request: by its own handler, by that of another loop
 *     around
 *         `frankenphp_handle_request()` or RoadRunner's worker, or after {@see request_begin()}; or
 *         a handler has forked this process from RoadRunner's worker; or
 *         RoadRunner's `RR_MODE` is not `http`; or a Composer package is missing, which the message names
 */
function loop(callable $handler, int $maxRequests = 0): int
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Registers a hook that runs after each request of this script, when the client has its answer (where the runtime
 * allows that: in workers of FrankenPHP and RoadRunner; else as the last of PHP's shutdown functions, and so too after
 * `exit()`, an uncaught exception and a fatal error). Register hooks once, before the loop.
 *
 * A hook that throws, or calls `exit()`, does not stop the others, and is logged. {@see request_id()} and
 * {@see scope_get()} are still those of the request. Hooks that are added during a run are run after the next request.
 *
 * ```php
 * Worker\on_reset($container->reset(...));
 * Worker\on_reset($entityManager->clear(...), priority: 10);   // runs first
 * ```
 *
 * @param callable(): mixed $hook
 * @param int $priority higher ones run first; equal ones in the order in which they were added
 *
 * @return int its id, for {@see remove_hook()}
 *
 * @throws \Pillion\StateException code 800: 1,000 hooks are registered, as happens if every request registers one
 */
function on_reset(callable $hook, int $priority = 0): int
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Removes a hook, also during a run.
 *
 * @param int $id the id that {@see on_reset()} has returned
 *
 * @return bool false: no hook has that id
 */
function remove_hook(int $id): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Sets a value that is released when the request ends.
 *
 * @throws \Pillion\StateException code 800: no request is in progress
 */
function scope_set(string $key, mixed $value): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * A value of the current request, or the default if it has none of that key.
 */
function scope_get(string $key, mixed $default = null): mixed
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The leaks of this thread at its last check: values that grow from request to request, by name.
 * `pillion.worker_leak_check` says when checks run: `off` (never), `on` (after each request), `sample:N` (after one of
 * N, eight in a row each time). Only requests of a loop are checked, since nothing survives others: workers of
 * FrankenPHP and RoadRunner, and {@see request_begin()}. A check runs where the loop waits for the next request, the
 * first one after the first request. A value that requests replace is no leak, even if it differs.
 *
 * - `kind`: `static property`, `static variable`, `property` (of an object that outlives requests), `global`, `variable
 *   of the loop`, `ini`, `error handler`, `exception handler`, `shutdown function`, `constant`, `class`, `function`,
 *   `file`, `resource`, `connection`, `object`, `session` or `memory`. More may come.
 * - `name`: `App\Cart::$items`; `message`: `App\Cart::$items: array 3 → 9 elements, +312 bytes`.
 * - `before`, `after`: its state when its growth began, and now, in words. Strings are shown by their length only, ini
 *   values as they are.
 * - `bytes`: growth of PHP's memory by it, without objects.
 * - `file`, `line`: where the class, function or handler is declared; null if PHP knows none.
 * - `path`: for properties of objects, the values that hold it, from one that has a name.
 * - `times`: the number of checks that have found it larger.
 *
 * @return list<array{
 *     kind: string,
 *     name: string,
 *     message: string,
 *     before: string|int|null,
 *     after: string|int|null,
 *     bytes: int,
 *     file: string|null,
 *     line: int|null,
 *     path: list<string>,
 *     times: int,
 * }>
 */
function leaks(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Requests and memory, for a health page. Fields may be added.
 *
 * - `worker_mode`: whether requests share the memory of one script; `CADDY_WORKER_MODE` overrides it.
 * - `uptime`: seconds since this process started, or was forked.
 * - `restarts`: how often PHP has restarted in this process, as FrankenPHP does when its workers are restarted.
 * - `requests`, `requests_begun`: requests of all threads of this process that have ended and begun. One that may turn
 *   out to be a loop, or FrankenPHP's order to stop, is counted as begun once that is certain.
 * - `thread_requests`: requests of this thread that have ended.
 * - `request`: the current request of this thread; null between two. `memory_baseline`: PHP's memory when it began.
 * - `durations`: seconds, of all threads; `p50` and `p99` are exact to one sixteenth.
 * - `hooks`: hooks registered on this thread; of the whole process, runs, failed runs, and runs skipped because PHP
 *   ended the script before them (an `exit()` in a shutdown function).
 * - `left_behind`: how often a request has changed PHP's own state and left it, by kind, and how often that was
 *   restored (`pillion.worker_reset`); of all threads of this process. Changes of a worker's first request are not
 *   counted, because applications set much lazily. The log names each once (`left behind`).
 * - `memory`, `peak_memory`: `memory_get_usage(true)` and `memory_get_peak_usage(true)`; `memory_baseline`: the first
 *   of them when the current, or else the last, request of this thread began.
 * - `trend`: growth of this thread's memory in bytes for 1,000 requests, and the number of requests it was measured
 *   over. Samples are taken when the loop waits for the next request and no memory can be garbage. Null with fewer than
 *   eight samples, and where each request is a script of its own.
 * - `gc`: `pillion.worker_gc`, the runs of PHP's garbage collector for it on this thread, the number of values they
 *   have freed, and the seconds since the last one.
 *
 * @return array{
 *     status: 'ok',
 *     mode: string,
 *     worker_mode: bool,
 *     pid: int,
 *     thread: int,
 *     uptime: float,
 *     restarts: int,
 *     requests: int,
 *     requests_begun: int,
 *     thread_requests: int,
 *     request: array{id: string, seconds: float, memory_baseline: int}|null,
 *     durations: array{last: float, p50: float, p99: float},
 *     hooks: array{registered: int, run: int, failed: int, skipped: int},
 *     left_behind: array{
 *         ini: int,
 *         handlers: int,
 *         timezone: int,
 *         wrappers: int,
 *         session: int,
 *         umask: int,
 *         locale: int,
 *         environment: int,
 *         put_back: int,
 *     },
 *     memory: int,
 *     peak_memory: int,
 *     memory_baseline: int,
 *     trend: array{bytes: int, requests: int}|null,
 *     gc: array{policy: string, runs: int, freed: int, last: float|null},
 * }
 */
function status(): array
{
    throw new \Error('the extension pillion is not loaded');
}
