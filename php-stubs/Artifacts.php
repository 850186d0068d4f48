<?php

/*
 * Functions of the namespace Pillion\Artifacts: the built binaries on disk, by key. For IDEs and static analysers; never
 * loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion\Artifacts;

use Pillion\Artifact;
use Pillion\Future;

/**
 * Looks for a binary in the index: no lock, no I/O, well under a microsecond.
 *
 * @param string $key 16 lower-case hexadecimal digits, such as {@see \Pillion\Velox\key()} gives
 *
 * @return Artifact|null null: there is none, or its time is up, or the cache is off
 *
 * @throws \Pillion\ConfigException code 100: a setting is bad
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 * @throws \ValueError it is no key
 */
function find(string $key): ?Artifact
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Copies a file into the cache, in the background: one that was built elsewhere. The file itself is left alone.
 *
 * - `config`: what it was built from; kept with it, and what {@see Artifact::$config} shows.
 * - `ttl`: seconds until its time is up; `pillion.velox_cache_ttl_days` by default.
 * - `build_seconds`: how long its build took; 0 by default.
 * - `replace`: whether it takes the place of what is there under this key; true by default.
 *
 * ```php
 * $artifact = Artifacts\put('2eccb077c71e1f91', '/tmp/rr', [
 *     'config' => ['target_platform' => ['os' => 'linux', 'arch' => 'amd64']],
 * ])->wait();
 * ```
 *
 * @param string $key 16 lower-case hexadecimal digits
 * @param string $path a regular file that is not empty; `open_basedir` holds for it
 * @param array{config?: array<string, mixed>, ttl?: int|float, build_seconds?: int|float, replace?: bool} $meta
 *
 * @return Future<Artifact> fails with InvalidRequestException (200: no file, or an empty one) or StateException (900: it
 *     can't be read, or the cache can't be written)
 *
 * @throws \Pillion\InvalidRequestException code 200: everything that is wrong with `$meta`; or `open_basedir` forbids it
 * @throws \Pillion\ConfigException code 100: the cache is off, or a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the cache can't be opened
 * @throws \ValueError the key is none; the path is empty or holds a NUL
 */
function put(string $key, string $path, array $meta = []): Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Throws a binary away, in the index and on the disk. Who has it open can go on reading it.
 *
 * @param string $key 16 lower-case hexadecimal digits
 *
 * @return bool whether there was one
 *
 * @throws \Pillion\ConfigException code 100: the cache is off, or a setting is bad
 * @throws \Pillion\StateException code 900: the disk refuses
 * @throws \ValueError it is no key
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
 * @param int $limit how many at most: 1 to 10,000
 * @param string|null $after a key: only those that follow it; null: from the first one
 *
 * @return list<Artifact>
 *
 * @throws \Pillion\ConfigException code 100: the cache is off, or a setting is bad
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 * @throws \ValueError the limit is out of range, or `$after` is no key
 */
function entries(int $limit = 100, ?string $after = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Figures of the cache. Fields may be added.
 *
 * @return array<string, mixed>
 *
 * @throws \Pillion\ConfigException code 100: the cache is off, or a setting is bad
 * @throws \Pillion\StateException code 900: the cache directory can't be opened
 */
function stats(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Cleans up now, in the background, instead of at the next `pillion.velox_cache_cleanup_interval`: throws away what has
 * expired, then the least recently used until the rest fits into `pillion.velox_cache_max_size_mb`. What was found
 * minutes ago stays.
 *
 * @return Future<array<string, int|float>> what was done
 *
 * @throws \Pillion\ConfigException code 100: the cache is off, or a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: the cache can't be opened
 */
function clean(): Future
{
    throw new \Error('the extension pillion is not loaded');
}
