<?php

/*
 * Functions of the namespace Pillion\Cache: values that all PHP processes of the host share: php-fpm, FrankenPHP,
 * RoadRunner, the command line and cron. For IDEs and static analysers; not loaded where the extension is.
 *
 * Keys are any bytes, at most 65,536. Values are anything that serialize() accepts; null, booleans, numbers, strings
 * and arrays of them are stored without it. A value has at most 8 MiB. No call waits for another process for longer
 * than a few milliseconds, whatever happens to that one, and none throws because the cache is off, full or not
 * available: a read is a miss then, and a store returns false. With `pillion.cache_url`, a call that needs that server
 * waits for `pillion.cache_timeout_ms` at most.
 */

declare(strict_types=1);

namespace Pillion\Cache;

/**
 * Returns a value.
 *
 * @param string $key
 * @param mixed $default returned if the key has no value; a stored null is a value
 */
function get(string $key, mixed $default = null): mixed
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Returns several values, in the order of the keys.
 *
 * @param array<array-key, string|int> $keys
 * @param mixed $default for each key without a value
 *
 * @return array<array-key, mixed> by key
 */
function get_multiple(array $keys, mixed $default = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Stores a value in place of another one.
 *
 * @param string $key
 * @param mixed $value
 * @param \DateInterval|int|float|null $ttl seconds; null: `pillion.cache_ttl_default`; zero or less: it is removed
 * @param list<string> $tags at most 8; {@see invalidate_tags()} makes the value a miss
 *
 * @return bool false: it is too large, all memory is in use, or the cache is not available
 *
 * @throws \Exception the value can't be serialized
 * @throws \Pillion\InvalidRequestException code 200: an array contains itself, or has more than 512 levels
 */
function set(string $key, mixed $value, \DateInterval|int|float|null $ttl = null, array $tags = []): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Stores several values by their keys.
 *
 * @param array<array-key, mixed> $values
 * @param \DateInterval|int|float|null $ttl as of {@see set()}
 *
 * @return bool false: at least one was not stored
 */
function set_multiple(array $values, \DateInterval|int|float|null $ttl = null): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Stores a value if the key has none. Of several processes that add at the same time, one succeeds.
 *
 * @param string $key
 * @param mixed $value
 * @param \DateInterval|int|float|null $ttl as of {@see set()}
 */
function add(string $key, mixed $value, \DateInterval|int|float|null $ttl = null): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Whether a key has a value.
 */
function has(string $key): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Removes a value.
 *
 * @return bool whether there was one
 */
function delete(string $key): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Removes several values.
 *
 * @param array<array-key, string|int> $keys
 *
 * @return bool false: the cache is not available
 */
function delete_multiple(array $keys): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Sets the lifetime of a value anew, from now on.
 *
 * @param string $key
 * @param \DateInterval|int|float|null $ttl as of {@see set()}
 *
 * @return bool whether there is such a value
 */
function touch(string $key, \DateInterval|int|float|null $ttl = null): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Adds to an integer, atomically. A key without a value counts as 0. The value keeps its lifetime and its tags.
 *
 * @param string $key
 * @param int $by may be negative
 * @param \DateInterval|int|float|null $ttl of a new value, as of {@see set()}
 *
 * @return int the sum
 *
 * @throws \Pillion\InvalidRequestException code 200: the value is no integer, or the sum would not be one; with a
 *     server behind the cache, the value has tags
 */
function increment(string $key, int $by = 1, \DateInterval|int|float|null $ttl = null): int
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Returns a value, which `$producer` returns if the key has none. At one time, one process of the host calls it for a
 * key: the others return a stale value, if `$stale` allows one, or wait. Its exception reaches this caller only, and
 * another one takes over, as it does if this process dies (within 50 ms) or does not end within
 * `pillion.cache_producer_timeout`. Nested calls never wait for each other for long: a call within the producer of the
 * same key calls its own producer, and one that waits for another key goes on after 200 ms.
 *
 * With a server behind the cache, one process of all hosts calls its producer.
 *
 * A value that takes long to produce is produced anew before it expires, by one process, with a probability that grows
 * towards the end of its lifetime.
 *
 * @template T
 *
 * @param string $key
 * @param callable(): T $producer null and false are values
 * @param \DateInterval|int|float|null $ttl as of {@see set()}
 * @param float $beta above 1: earlier and more often anew, below: later; 0: not before it expires
 * @param float|null $stale seconds after its lifetime in which this call and later ones may return the value while one
 *     process produces it anew; null: that of the key's policy, else none
 *
 * @return T
 *
 * @throws \Throwable the exception of the producer
 * @throws \Exception the value can't be serialized
 */
function remember(
    string $key,
    callable $producer,
    \DateInterval|int|float|null $ttl = null,
    float $beta = 1.0,
    ?float $stale = null,
): mixed {
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Reads several values without blocking.
 *
 * @param array<array-key, string|int> $keys
 *
 * @return \Pillion\Future of an array of the values by their keys; keys without a value are missing in it
 */
function fetch(array $keys): \Pillion\Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Brings the values of keys into the memory of this host, without blocking, as far as they exist.
 *
 * @param array<array-key, string|int> $keys
 *
 * @return \Pillion\Future of the number of keys that have a value there
 */
function warm(array $keys): \Pillion\Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Removes the values of all keys that match a pattern, without blocking. Keys that are stored meanwhile may stay.
 *
 * @param string $pattern as of {@see keys()}; a key whose ids are hidden by its policy matches as it is stored
 *
 * @return \Pillion\Future of the number of removed values
 *
 * @throws \Pillion\Exception the runtime can't start, or has too many jobs
 */
function delete_matching(string $pattern): \Pillion\Future
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Lists keys with values, in no particular order. Keys that are stored or removed meanwhile may be missing.
 *
 * @param string|null $pattern `*` stands for any bytes, `?` for one, and a backslash makes the next byte ordinary
 * @param int $limit 1 to 100,000
 * @param string|null $after the last key of the page before
 *
 * @return list<string>
 */
function keys(?string $pattern = null, int $limit = 1000, ?string $after = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Makes all values with one of the tags misses, also those that are stored with a tag that was read before.
 *
 * @param list<string> $tags
 *
 * @return int the number of invalidated tags
 */
function invalidate_tags(array $tags): int
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Acquires a lock, without waiting. It ends by {@see unlock()} or when its lease is over, and is never evicted before.
 *
 * @param string $name locks and values have different names
 * @param float $ttl the lease in seconds, above 0
 * @param string|null $owner a token of the owner; null: a random one
 *
 * @return string|null the token, or null: the lock is held, or the cache is not available
 */
function lock(string $name, float $ttl, ?string $owner = null): ?string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Releases a lock, if `$owner` holds it.
 */
function unlock(string $name, string $owner): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Renews the lease of a lock, if `$owner` holds it.
 *
 * @param string $name
 * @param string $owner
 * @param float $ttl the new lease in seconds from now on, above 0
 */
function lock_refresh(string $name, string $owner, float $ttl): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The token of the owner of a lock; null if it is not held.
 */
function lock_owner(string $name): ?string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Removes all values of the namespace; locks stay.
 *
 * With a server behind the cache and without a namespace, it removes the values of this host only, returns false and
 * logs that, unless `pillion.cache_clear_database` is on.
 *
 * @return bool false: the cache is not available, or the server was not cleared
 */
function clear(): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The state of the cache of this namespace: counts since its memory was created, of all processes.
 *
 * @return array{enabled: bool, available: bool, reason: string|null, namespace: string|null, path: string|null,
 *     hits?: int, misses?: int, stores?: int, deletes?: int, refused?: int, evictions?: int, expired?: int,
 *     tag_invalidations?: int, entries?: int, memory?: int, memory_used?: int, memory_wasted?: int, memory_free?: int,
 *     max_value?: int, created_ms?: int, cleared_ms?: int|null,
 *     patterns?: array<string, array{hits: int, misses: int, stores: int, refused: int}>,
 *     second_tier?: array{url: string, connected: bool, breaker: 'closed'|'open'|'probing', hits: int, misses: int,
 *     get_failures: int, set_failures: int, lost_writes: int, connection_failures: int, queued: int}} without
 *     `available`, the counts are missing; `second_tier` is there with `pillion.cache_url`
 */
function stats(): array
{
    throw new \Error('the extension pillion is not loaded');
}
