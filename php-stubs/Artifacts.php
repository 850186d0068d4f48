<?php

/*
 * Functions of the namespace Pillion\Artifacts: the built binaries on disk, by key. For IDEs and static analysers; not
 * loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion\Artifacts;

use Pillion\Artifact;
use Pillion\Future;

/**
 * Looks for a binary in the index: no lock, no I/O, well under a microsecond.
 *
 * @param string $key 16 lower-case hexadecimal digits, such as {@see \Pillion\Velox\key()} returns
 *
 * @return Artifact|null null: it is absent or expired, or the cache is disabled
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 * @throws \ValueError the key is invalid
 */
function find(string $key): ?Artifact
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Copies a file that was built elsewhere into the cache, in the background. The file itself is not changed.
 *
 * - `config`: the configuration it was built from, stored with it; {@see Artifact::$config} returns it.
 * - `ttl`: seconds until it expires; `pillion.velox_cache_ttl_days` by default.
 * - `build_seconds`: duration of its build; 0 by default.
 * - `replace`: whether it replaces an artifact of the same key; true by default.
 *
 * ```php
 * $artifact = Artifacts\put('2eccb077c71e1f91', '/tmp/rr', [
 *     'config' => ['target_platform' => ['os' => 'linux', 'arch' => 'amd64']],
 * ])->wait();
 * ```
 *
 * @param string $key 16 lower-case hexadecimal digits
 * @param string $path a regular file that is not empty; `open_basedir` applies to it
 * @param array{config?: array<string, mixed>, ttl?: int|float, build_seconds?: int|float, replace?: bool} $meta
 *
 * @return Future<Artifact> fails with InvalidRequestException (200: no file, or an empty one) or StateException (900:
 *     it can't be read, or the cache can't be written)
 *
 * @throws \Pillion\InvalidRequestException code 200: names all errors in `$meta`; or `open_basedir` forbids the path
 * @throws \Pillion\ConfigException code 100: the cache is disabled, or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the cache can't be opened
 * @throws \ValueError the key is invalid; the path is empty or contains a NUL
 */
function put(string $key, string $path, array $meta = []): Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Removes a binary from the index and the disk. A process that has it open can go on reading it.
 *
 * @param string $key 16 lower-case hexadecimal digits
 *
 * @return bool whether it existed
 *
 * @throws \Pillion\ConfigException code 100: the cache is disabled, or a setting is invalid
 * @throws \Pillion\StateException code 900: the file can't be removed
 * @throws \ValueError the key is invalid
 */
function forget(string $key): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The binaries in the cache, in the order of their keys.
 *
 * ```php
 * for ($after = null; $page = Artifacts\entries(100, $after); $after = end($page)->key) {
 *     foreach ($page as $artifact) {
 *         echo $artifact->key, ' ', $artifact->size, "\n";
 *     }
 * }
 * ```
 *
 * @param int $limit maximum number: 1 to 10,000
 * @param string|null $after a key: only those that follow it; null: from the first one
 *
 * @return list<Artifact>
 *
 * @throws \Pillion\ConfigException code 100: the cache is disabled, or a setting is invalid
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 * @throws \ValueError the limit is out of range, or `$after` is not a key
 */
function entries(int $limit = 100, ?string $after = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Statistics of the cache; `hits`, `misses` and evictions are those of all processes of the host. Fields may be added.
 *
 * @return array<string, mixed>
 *
 * @throws \Pillion\ConfigException code 100: the cache is disabled, or a setting is invalid
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 */
function stats(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Cleans up now, in the background, instead of at the next `pillion.velox_cache_cleanup_interval`: removes expired
 * artifacts, then the least recently used until the rest fits into `pillion.velox_cache_max_size_mb`. Artifacts that
 * were found within the last minutes stay.
 *
 * @return Future<array<string, int|float>> counts of the removed artifacts
 *
 * @throws \Pillion\ConfigException code 100: the cache is disabled, or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the cache can't be opened
 */
function clean(): Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Sends a binary of the cache to the gateway of remote artifacts (`pillion.remote_url`), in the background, with its
 * configuration and its SHA-256. The first writer of a key wins: a binary that the gateway has is never replaced.
 *
 * Builds are sent by themselves; this is for binaries of {@see put()}, and for scripts that end right after a build and
 * must not lose the upload.
 *
 * @param string $key 16 lower-case hexadecimal digits
 *
 * @return Future<bool> whether it is stored; false: another host was first. Fails with InvalidRequestException (200:
 *     it is not in the cache), RemoteException (700: the gateway fails or refuses it), TimeoutException (400: the
 *     gateway is silent for `pillion.remote_timeout`) or StateException (900: it can't be read)
 *
 * @throws \Pillion\ConfigException code 100: `pillion.remote_url` is not set, `pillion.remote_mode` is not
 *     `read-write`, the cache is disabled, or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the cache can't be opened
 * @throws \ValueError the key is invalid
 */
function push(string $key): Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Gets a binary from the gateway of remote artifacts (`pillion.remote_url`) into the cache, in the background. Its
 * SHA-256, its size and the key of its record are compared before it is stored. One that is in the cache already is
 * returned at once.
 *
 * ```php
 * $artifact = Artifacts\pull(Velox\key($request))->wait() ?? Velox\build($request)->wait();
 * ```
 *
 * @param string $key 16 lower-case hexadecimal digits
 *
 * @return Future<Artifact|null> null: neither the cache nor the gateway has it. Fails with RemoteException (700: the
 *     gateway fails, or the binary is damaged), TimeoutException (400: the gateway is silent for
 *     `pillion.remote_timeout`) or StateException (900: the cache can't be written)
 *
 * @throws \Pillion\ConfigException code 100: `pillion.remote_url` is not set, `pillion.remote_mode` is `off`, the
 *     cache is disabled, or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the cache can't be opened
 * @throws \ValueError the key is invalid
 */
function pull(string $key): Future
{
    throw new \Error('the extension pillion is not loaded');
}
