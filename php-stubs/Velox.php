<?php

/*
 * Functions of the namespace Pillion\Velox: builds of RoadRunner binaries. For IDEs and static analysers; never loaded
 * where the extension is.
 *
 * A request is an array as Velox's protocol has it. Names may also be written in camelCase, unknown ones are ignored,
 * null counts as absent:
 *
 * - `rr_version`: a release (`v2025.1.2`), `master`, or a commit of 7 to 40 hexadecimal digits.
 * - `plugins`: one or more; `module_name` is a Go module path, `tag` a release, a branch or a commit.
 * - `target_platform`: in Go's words; each of its parts is this host's where it is absent.
 * - `force_rebuild`: build anew, though there is an artifact; the new one takes its place.
 * - `request_id`: a UUID; one is made where there is none.
 * - `replaces`, `excludes`: directives of go.mod; `race`: with the race detector; `debug`: with debug information.
 */

declare(strict_types=1);

namespace Pillion\Velox;

use Pillion\Artifact;
use Pillion\Future;

/**
 * Asks for a RoadRunner binary, and returns in microseconds. A hit is done at once. For a miss the build runs in the
 * background; whoever asks for the same configuration on this host meanwhile, in whatever process, joins it.
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
 * What the future's `wait()` throws, beside its own: {@see \Pillion\BuildFailedException} (300: it does not build),
 * {@see \Pillion\InvalidRequestException} (200: the server refused it), {@see \Pillion\RemoteException} (700: no server,
 * or none that speaks Velox), {@see \Pillion\TimeoutException} (400), {@see \Pillion\ConfigException} (100).
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
 * @throws \Pillion\InvalidRequestException code 200: with everything that is wrong, before anything is sent
 * @throws \Pillion\ConfigException code 100: it is no hit and no server is set, or a setting is bad
 * @throws \Pillion\QueueFullException code 600: 10,000 jobs are under way in this process
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the system refuses a thread
 * @throws \ValueError the timeout is negative or not a number
 */
function build(array $request, ?float $timeout = null): Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Looks for a binary in the index: no I/O, no waiting, well under a microsecond for a key. Answers also while the server
 * is down or none is set. A request finds the binary of exactly that configuration.
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
 * @return Artifact|null null: there is none, or its time is up, or the cache is off
 *
 * @throws \Pillion\InvalidRequestException code 200: the request is wrong
 * @throws \Pillion\ConfigException code 100: a setting is bad
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 * @throws \ValueError the string is no key
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
 * @throws \Pillion\InvalidRequestException code 200: the request is wrong
 */
function key(array $request): string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * How far a build is that any worker of this host has started.
 *
 * While it runs, the array is the one of {@see builds()} with `request_id`. For a minute after its end `state` is `done`
 * (with `key`, `path`, `size`, `sha256`) or `failed` (with `error`, a word, and `message`).
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
 * }|null null: nobody on this host knows of it
 *
 * @throws \Pillion\ConfigException code 100: a setting is bad
 */
function status(string $requestId): ?array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * What a lookup would find, and why. Looks at the index only, and counts as no lookup.
 *
 * - `canonical`: the text that the key is the hash of.
 * - `stored_key`: where the binary is or would be kept; another one than `key` where that belongs to a configuration
 *   that differs in the case of letters only.
 * - `reason`: `hit`; `absent`; `expired`; `moving_ref_expired` (its time was short because of `moving_ref`);
 *   `other_configuration` (see `stored_key`); `cache_off`.
 * - `moving_ref`: the first tag or version that may mean something else tomorrow, if there is one.
 * - `created`, `expires`: Unix time in seconds, of what the index holds.
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
 * @throws \Pillion\InvalidRequestException code 200: the request is wrong
 * @throws \Pillion\ConfigException code 100: a setting is bad
 */
function explain(array $request): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * All builds in flight on this host, whichever process started them.
 *
 * - `request_ids`: of all who wait for it.
 * - `state`: `queued` (waits for one of `pillion.velox_max_concurrent_builds`), `building`, `retrying` (pauses before the
 *   next attempt), `downloading` (the binary is on its way here).
 * - `attempt`: tries at the server until now.
 * - `started`: Unix time in seconds; `elapsed`: seconds since then.
 * - `lines`: the last lines of the build's log, where the server tells them while it builds (`pillion velox` does).
 * - `pid`: the process that builds.
 *
 * @return list<array{
 *     request_ids: list<string>,
 *     key: string,
 *     rr_version: string,
 *     os: string,
 *     arch: string,
 *     force_rebuild: bool,
 *     state: 'queued'|'building'|'retrying'|'downloading',
 *     attempt: int,
 *     started: float,
 *     elapsed: float,
 *     lines: list<string>,
 *     pid: int,
 * }>
 *
 * @throws \Pillion\ConfigException code 100: a setting is bad
 */
function builds(): array
{
    throw new \Error('the extension pillion is not loaded');
}
