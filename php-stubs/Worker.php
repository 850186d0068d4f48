<?php

/*
 * Functions of the namespace Pillion\Worker: requests in workers. For IDEs and static analysers; never loaded where the
 * extension is.
 */

declare(strict_types=1);

namespace Pillion\Worker;

/**
 * What PHP runs in: `frankenphp-worker`, `frankenphp`, `roadrunner`, `fpm`, `cli`, `cli-server` or `other`.
 *
 * `CADDY_WORKER_MODE` in the request's or the process's environment has the last word: with `true` FrankenPHP is
 * `frankenphp-worker`, with `false` it is `frankenphp`, and RoadRunner is `cli`.
 *
 * @return 'frankenphp-worker'|'frankenphp'|'roadrunner'|'fpm'|'cli'|'cli-server'|'other'
 */
function mode(): string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The id of the request under way, the same until it ends: its `X-Request-Id`, where that is 1 to 128 letters, digits and
 * `-_.:+/=@`; else the trace id of a valid `traceparent`; else a UUID of version 7. Empty between two requests of a worker.
 *
 * @throws \Pillion\StateException code 999: the system has no randomness
 */
function request_id(): string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * A request begins, in a loop that Pillion does not know: Swoole, ReactPHP, a queue's consumer. FrankenPHP, RoadRunner and
 * php-fpm tell by themselves.
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
 * @param string|null $id what {@see request_id()} gives; null: one is made
 *
 * @throws \Pillion\StateException code 800: a request is under way, or the runtime tells by itself
 * @throws \ValueError the id is not 1 to 128 letters, digits and `-_.:+/=@`
 */
function request_begin(?string $id = null): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The request that {@see request_begin()} has begun is over.
 *
 * @throws \Pillion\StateException code 800: there is none
 */
function request_end(): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Serves requests in whatever runs the script: the one line of a worker script, and the last thing that it does.
 *
 * | runtime | the handler gets | what it gives | returns |
 * | --- | --- | --- | --- |
 * | FrankenPHP, worker | nothing: superglobals are the request's | is not looked at: it prints | when FrankenPHP says stop |
 * | RoadRunner with `spiral/roadrunner-http` | a PSR-7 `ServerRequestInterface` | a PSR-7 `ResponseInterface` | when RoadRunner says stop |
 * | RoadRunner with `pillion/bridge` alone | a `Pillion\Bridge\RoadRunner\Request` | what `Pillion\Bridge\RoadRunner\Response::from()` takes | as before |
 * | php-fpm, the command line, all others | nothing | is not looked at | after one request |
 *
 * In a worker it also returns, after the request in hand, when it has served $maxRequests, when PHP holds more memory than
 * `pillion.worker_max_memory` says, and in RoadRunner when a signal comes that would end the process (`SIGTERM`, `SIGINT`,
 * `SIGQUIT`, `SIGHUP`, `SIGUSR1`, `SIGUSR2`) and that the application does not handle. Let the script end then: the runtime
 * starts it anew, and no request is lost meanwhile.
 *
 * An exception that the handler lets out is answered with status 500 in a worker, which goes on; anywhere else it comes out of
 * `loop()`. `exit()` ends the script, as everywhere. In RoadRunner what is printed goes into RoadRunner's log, also by
 * programs that the handler starts where `pillion/bridge` serves.
 *
 * ```php
 * $application = new Application();
 * Worker\loop($application->handle(...));
 * ```
 *
 * @param callable $handler
 * @param int $maxRequests 0: any number
 *
 * @return int how many requests it has served
 *
 * @throws \ValueError $maxRequests is negative
 * @throws \Pillion\StateException code 800: it is called in a request: by its own handler, by that of another loop around
 *         `frankenphp_handle_request()` or RoadRunner's worker, or after {@see request_begin()}; or
 *         this is a process that a handler has forked from RoadRunner's worker; or
 *         RoadRunner's `RR_MODE` is not `http`; or a Composer package is missing, which the message names
 */
function loop(callable $handler, int $maxRequests = 0): int
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Runs after each request of this script, once, when the client has its answer (where the runtime allows that: FrankenPHP's
 * and RoadRunner's workers; else as the last of PHP's shutdown functions, and so too after `exit()`, an uncaught exception
 * and a fatal error). Register hooks once, before the loop.
 *
 * A hook that throws, or calls `exit()`, does not stop the others, and is told in the log. {@see request_id()} and
 * {@see scope_get()} are still those of the request. What was added during a run is run after the next request.
 *
 * ```php
 * Worker\on_reset($container->reset(...));
 * Worker\on_reset($entityManager->clear(...), priority: 10);   // before it
 * ```
 *
 * @param callable(): mixed $hook
 * @param int $priority higher ones run first; equal ones in the order in which they were added
 *
 * @return int its id, for {@see remove_hook()}
 *
 * @throws \Pillion\StateException code 800: there are 1,000 hooks, as where one is registered in every request
 */
function on_reset(callable $hook, int $priority = 0): int
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Takes a hook out, also during a run.
 *
 * @param int $id what {@see on_reset()} gave
 *
 * @return bool false: there is none of that id
 */
function remove_hook(int $id): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Keeps a value until the request ends.
 *
 * @throws \Pillion\StateException code 800: no request is under way
 */
function scope_set(string $key, mixed $value): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * A value of the request under way, or the default where it has none of that key.
 */
function scope_get(string $key, mixed $default = null): mixed
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The leaks of this thread: what grows from request to request, each thing by its name, as the last look has found it.
 * `pillion.worker_leak_check` says when the check looks: `off` (never), `on` (after each request), `sample:N` (after one of N,
 * eight in a row each time). Only requests of a loop are looked at, since nothing survives others: FrankenPHP's and
 * RoadRunner's workers, and {@see request_begin()}. It looks where the loop waits for the next request, and begins after the
 * first one. What requests replace, however it differs, is no leak.
 *
 * - `kind`: `static property`, `static variable`, `property` (of an object that outlives requests), `global`, `variable of
 *   the loop`, `ini`, `error handler`, `exception handler`, `shutdown function`, `constant`, `class`, `function`, `file`,
 *   `resource`, `connection`, `object`, `session` or `memory`. More may come.
 * - `name`: `App\Cart::$items`; `message`: `App\Cart::$items: array 3 → 9 elements, +312 bytes`.
 * - `before`, `after`: what it was where its growth began, and is, in words. Texts are told by their length only; ini values
 *   as they are.
 * - `bytes`: by how much PHP's memory grew for it, without objects.
 * - `file`, `line`: where the class, function or handler is declared; null where PHP knows none.
 * - `path`: what holds it, from what has a name, for properties of objects.
 * - `times`: how many of the looks have found it larger.
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
 * - `worker_mode`: whether requests share the process's memory here; `CADDY_WORKER_MODE` has the last word.
 * - `uptime`: seconds since this process started, or was forked.
 * - `restarts`: how often PHP has started anew in this process, as FrankenPHP does when its workers are restarted.
 * - `requests`, `requests_begun`: those of all threads of this process that have ended and begun. What may turn out to be a
 *   loop or a call to stop is counted as begun once it is certain.
 * - `thread_requests`: those of this thread that have ended.
 * - `request`: the one under way on this thread; null between two. `memory_baseline`: PHP's memory when it began.
 * - `durations`: seconds, of all threads; `p50` and `p99` are right to a sixteenth.
 * - `hooks`: those registered on this thread; of the whole process, those that have run, of them those that have thrown, and
 *   those that could not run because PHP ended the script before (an `exit()` in a shutdown function).
 * - `left_behind`: how often a request has left something behind of PHP's own state, by kind, and how often that was put back
 *   (`pillion.worker_reset`); of all threads of this process. What a worker's first request leaves is not counted: much is set
 *   when it is first needed. The log names each once (`left behind`).
 * - `memory`, `peak_memory`: `memory_get_usage(true)` and `memory_get_peak_usage(true)`; `memory_baseline`: the first of
 *   them, when the request under way on this thread, or the last one, began.
 * - `trend`: by how many bytes this thread's memory grows in a thousand requests, and over how many of the last ones that
 *   was measured. A request counts when the loop waits for the next one, and none of its memory can be garbage. Null with
 *   fewer than eight of these, and where each request has a script of its own.
 * - `gc`: `pillion.worker_gc`, how often PHP's collector was run for it on this thread, what it has freed in all, and how
 *   many seconds ago it ran last.
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
 *     left_behind: array{ini: int, handlers: int, timezone: int, wrappers: int, session: int, umask: int, locale: int, environment: int, put_back: int},
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
