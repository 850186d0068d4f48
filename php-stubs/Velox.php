<?php

/*
 * Functions of the namespace Pillion\Velox: builds of RoadRunner binaries. For IDEs and static analysers; not loaded
 * where the extension is.
 *
 * A request is an array in the format of Velox's protocol. Names may also be written in camelCase, unknown ones are
 * ignored, null counts as absent:
 *
 * - `rr_version`: a release (`v2025.1.2`), `master`, or a commit of 7 to 40 hexadecimal digits.
 * - `plugins`: one or more; `module_name` is a Go module path, `tag` a release, a branch or a commit.
 * - `target_platform`: with Go's names; absent parts are those of this host.
 * - `force_rebuild`: build even if there is an artifact; the new one replaces it.
 * - `request_id`: a UUID; generated if absent.
 * - `replaces`, `excludes`: directives of go.mod; `race`: with the race detector; `debug`: with debug information.
 */

declare(strict_types=1);

namespace Pillion\Velox;

use Pillion\Artifact;
use Pillion\Future;

/**
 * Requests a RoadRunner binary, and returns in microseconds. A hit completes at once. For a miss the build runs in the
 * background; requests for the same configuration in any process of this host join it.
 *
 * ```php
 * $future = Velox\build([
 *     'rr_version' => 'v2025.1.2',
 *     'plugins' => [
 *         ['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.2.7'],
 *     ],
 * ]);
 * // … other work …
 * $artifact = $future->wait();
 * copy($artifact->path, '/usr/local/bin/rr');
 * ```
 *
 * The future's `wait()` also throws {@see \Pillion\BuildFailedException} (300: it does not build),
 * {@see \Pillion\InvalidRequestException} (200: the server refused it), {@see \Pillion\RemoteException} (700: no
 * server, or none that speaks Velox), {@see \Pillion\TimeoutException} (400), {@see \Pillion\ConfigException} (100).
 *
 * @param array{
 *     rr_version: string,
 *     plugins: list<array{module_name: string, tag: string}>,
 *     target_platform?: array{os?: string, arch?: string},
 *     force_rebuild?: bool,
 *     request_id?: string,
 *     replaces?: list<array{old: string, new: string}>,
 *     excludes?: list<array{module: string, version: string}>,
 *     race?: bool,
 *     debug?: bool,
 * } $request
 * @param float|null $timeout seconds after which this future fails with a TimeoutException; null:
 *     `pillion.velox_build_timeout` alone decides
 *
 * @return Future<Artifact>
 *
 * @throws \Pillion\InvalidRequestException code 200: names all errors; nothing has been sent
 * @throws \Pillion\ConfigException code 100: it is not cached and no server is set, or a setting is invalid
 * @throws \Pillion\QueueFullException code 600: 10,000 jobs are in progress in this process
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the system refuses a thread
 * @throws \ValueError the timeout is negative or not a number
 */
function build(array $request, ?float $timeout = null): Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Looks for a binary in the index: no I/O, no waiting, well under a microsecond for a key. Answers also while the
 * server is down or none is set. A request finds the binary of exactly that configuration.
 *
 * @param array{
 *     rr_version: string,
 *     plugins: list<array{module_name: string, tag: string}>,
 *     target_platform?: array{os?: string, arch?: string},
 *     force_rebuild?: bool,
 *     request_id?: string,
 *     replaces?: list<array{old: string, new: string}>,
 *     excludes?: list<array{module: string, version: string}>,
 *     race?: bool,
 *     debug?: bool,
 * }|string $requestOrKey a request, or a key of 16 lower-case hexadecimal digits
 *
 * @return Artifact|null null: it is absent or expired, or the cache is disabled
 *
 * @throws \Pillion\InvalidRequestException code 200: the request is invalid
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 * @throws \ValueError the string is not a key
 */
function find(array|string $requestOrKey): ?Artifact
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The cache key of a request, the same as the Velox plugin's: the order of plugins, the case of letters and blanks
 * around them do not matter, nor do `request_id` and `force_rebuild`.
 *
 * @param array{
 *     rr_version: string,
 *     plugins: list<array{module_name: string, tag: string}>,
 *     target_platform?: array{os?: string, arch?: string},
 *     force_rebuild?: bool,
 *     request_id?: string,
 *     replaces?: list<array{old: string, new: string}>,
 *     excludes?: list<array{module: string, version: string}>,
 *     race?: bool,
 *     debug?: bool,
 * } $request
 *
 * @return string 16 lower-case hexadecimal digits
 *
 * @throws \Pillion\InvalidRequestException code 200: the request is invalid
 */
function key(array $request): string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The progress of a build that any worker of this host has started.
 *
 * While it runs, the array is the one of {@see builds()} with `request_id`. For a minute after its end `state` is
 * `done` (with `key`, `path`, `size`, `sha256`) or `failed` (with `error`, a code, and `message`).
 *
 * @param string $requestId the request's own `request_id`
 *
 * @return array{
 *     request_id: string,
 *     request_ids: list<string>,
 *     state: 'queued'|'building'|'retrying'|'downloading'|'done'|'failed',
 *     key?: string,
 *     rr_version?: string,
 *     os?: string,
 *     arch?: string,
 *     plugins?: list<string>,
 *     force_rebuild?: bool,
 *     attempt?: int,
 *     started?: float,
 *     elapsed?: float,
 *     lines?: list<string>,
 *     pid?: int,
 *     path?: string,
 *     size?: int,
 *     sha256?: string,
 *     error?: string,
 *     message?: string,
 * }|null null: unknown on this host
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 */
function status(string $requestId): ?array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The result of a lookup with its reason. Reads the index only, and is not counted as a lookup.
 *
 * - `canonical`: the text whose hash is the key.
 * - `stored_key`: the key under which the binary is or would be stored; differs from `key` if that belongs to a
 *   configuration that differs only in the case of letters.
 * - `reason`: `hit`; `absent`; `expired`; `moving_ref_expired` (its lifetime was short because of `moving_ref`);
 *   `other_configuration` (see `stored_key`); `cache_off`.
 * - `moving_ref`: the first tag or version that can point to another commit later, if there is one.
 * - `created`, `expires`: Unix time in seconds, of the artifact in the index.
 *
 * @param array{
 *     rr_version: string,
 *     plugins: list<array{module_name: string, tag: string}>,
 *     target_platform?: array{os?: string, arch?: string},
 *     force_rebuild?: bool,
 *     request_id?: string,
 *     replaces?: list<array{old: string, new: string}>,
 *     excludes?: list<array{module: string, version: string}>,
 *     race?: bool,
 *     debug?: bool,
 * } $request
 *
 * @return array{
 *     canonical: string,
 *     key: string,
 *     stored_key: string,
 *     hit: bool,
 *     reason: 'hit'|'absent'|'expired'|'moving_ref_expired'|'other_configuration'|'cache_off',
 *     moving_ref: string|null,
 *     created: float|null,
 *     expires: float|null,
 * }
 *
 * @throws \Pillion\InvalidRequestException code 200: the request is invalid
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 */
function explain(array $request): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Answers the current HTTP request with the binary, and frees the worker: the front server or `pillion serve` sends the
 * file, or waits for the build. How, is decided by the settings `pillion.delivery…`; without any, PHP sends a cached
 * binary, and answers 202 while one is built. An invalid request is answered with status 400, and so are other errors.
 * All other output of the script is dropped. For php-fpm, FrankenPHP and other web servers; in RoadRunner a handler
 * returns the result of {@see response()}.
 *
 * @param array{
 *     rr_version: string,
 *     plugins: list<array{module_name: string, tag: string}>,
 *     target_platform?: array{os?: string, arch?: string},
 *     force_rebuild?: bool,
 *     request_id?: string,
 *     replaces?: list<array{old: string, new: string}>,
 *     excludes?: list<array{module: string, version: string}>,
 *     race?: bool,
 *     debug?: bool,
 * } $request
 *
 * @throws \Pillion\StateException code 800: there is no web server, or headers have been sent already
 */
function respond(array $request): void
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Decides as {@see respond()} does, and returns the response for a framework to send. A body that is a stream is the
 * whole file.
 *
 * ```php
 * ['status' => $status, 'headers' => $headers, 'body' => $body] = Velox\response($build, [
 *     'method' => 'GET',
 *     'uri' => '/build?rr=v2025.1.9',
 *     'headers' => ['If-None-Match' => '"…"'],
 * ]);
 * ```
 *
 * @param array{
 *     rr_version: string,
 *     plugins: list<array{module_name: string, tag: string}>,
 *     target_platform?: array{os?: string, arch?: string},
 *     force_rebuild?: bool,
 *     request_id?: string,
 *     replaces?: list<array{old: string, new: string}>,
 *     excludes?: list<array{module: string, version: string}>,
 *     race?: bool,
 *     debug?: bool,
 * } $request
 * @param array{method?: string, uri?: string, headers?: array<string, string|list<string>>}|null $client the client's
 *     request; null: the one of `$_SERVER`
 *
 * @return array{status: int, headers: array<string, string>, body: string|resource}
 *
 * @throws \Pillion\StateException code 800: from a preload script
 */
function response(array $request, ?array $client = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * All builds in progress on this host, of all processes.
 *
 * - `request_ids`: of all requests that wait for it.
 * - `state`: `queued` (waits for one of `pillion.velox_max_concurrent_builds`), `building`, `retrying` (pauses before
 *   the next attempt), `downloading` (the binary is being transferred).
 * - `plugins`: each as `module@tag`.
 * - `attempt`: number of attempts at the server so far.
 * - `started`: Unix time in seconds; `elapsed`: seconds since then.
 * - `lines`: the last lines of the build's log, if the server sends them while it builds (`pillion velox` does).
 * - `pid`: the process that builds.
 *
 * @return list<array{
 *     request_ids: list<string>,
 *     key: string,
 *     rr_version: string,
 *     os: string,
 *     arch: string,
 *     plugins: list<string>,
 *     force_rebuild: bool,
 *     state: 'queued'|'building'|'retrying'|'downloading',
 *     attempt: int,
 *     started: float,
 *     elapsed: float,
 *     lines: list<string>,
 *     pid: int,
 * }>
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 */
function builds(): array
{
    throw new \Error('the extension pillion is not loaded');
}
