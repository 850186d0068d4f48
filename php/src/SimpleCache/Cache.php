<?php

/*
 * PSR-16 over the extension's cache.
 */

declare(strict_types=1);

namespace Pillion\Bridge\SimpleCache;

use Pillion\Bridge\Cache\PrefixedKeys;
use Psr\SimpleCache\CacheInterface;

use function Pillion\Cache\delete_multiple;
use function Pillion\Cache\get;
use function Pillion\Cache\get_multiple;
use function Pillion\Cache\has;
use function Pillion\Cache\set;
use function Pillion\Cache\set_multiple;

final class Cache implements CacheInterface
{
    use PrefixedKeys;

    /**
     * @param string $prefix of all keys, any bytes; separates this cache from other users of the same memory
     * @param int|float|null $defaultTtl seconds, for values that are stored without a lifetime; INF: until they are
     *     evicted; null: `pillion.cache_ttl_default`
     */
    public function __construct(string $prefix = '', private readonly int|float|null $defaultTtl = null)
    {
        self::requireExtension();
        $this->prefix = $prefix;
    }

    public function get(string $key, mixed $default = null): mixed
    {
        try {
            $value = get($this->ids[$key] ?? $this->id($key), $default);
        } catch (InvalidArgument $invalid) {
            throw $invalid;
        } catch (\Throwable) {
            // The value is an object that can't be restored.
            return $default;
        }

        return $value instanceof \__PHP_Incomplete_Class ? $default : $value;
    }

    public function set(string $key, mixed $value, null|int|\DateInterval $ttl = null): bool
    {
        $id = $this->ids[$key] ?? $this->id($key);
        try {
            return set($id, $value, $ttl ?? $this->defaultTtl);
        } catch (\Exception) {
            // It can't be serialized.
            return false;
        }
    }

    /**
     * True also if there was no value.
     */
    public function delete(string $key): bool
    {
        return delete_multiple([$this->ids[$key] ?? $this->id($key)]);
    }

    public function clear(): bool
    {
        return self::clearPrefix($this->prefix);
    }

    /**
     * An array; if one of the keys is a number, a generator, because arrays can't have such strings as keys.
     */
    public function getMultiple(iterable $keys, mixed $default = null): iterable
    {
        $ids = [];
        $names = [];
        foreach ($keys as $key) {
            $ids[] = $this->idOf($key);
            $names[] = $key;
        }
        try {
            $found = get_multiple($ids, $default);
        } catch (\Throwable) {
            $found = \array_combine($ids, \array_map(fn (string $key): mixed => $this->get($key, $default), $names));
        }
        $values = [];
        foreach ($names as $position => $key) {
            $value = $found[$ids[$position]];
            $values[$key] = $value instanceof \__PHP_Incomplete_Class ? $default : $value;
        }
        foreach ($values as $key => $_) {
            if (\is_int($key)) {
                return (static function () use ($values): \Generator {
                    foreach ($values as $key => $value) {
                        yield (string) $key => $value;
                    }
                })();
            }
        }

        return $values;
    }

    public function setMultiple(iterable $values, null|int|\DateInterval $ttl = null): bool
    {
        $byId = [];
        foreach ($values as $key => $value) {
            $byId[$this->idOf(\is_int($key) ? (string) $key : $key)] = $value;
        }
        try {
            return set_multiple($byId, $ttl ?? $this->defaultTtl);
        } catch (\Exception) {
            return false;
        }
    }

    public function deleteMultiple(iterable $keys): bool
    {
        $ids = [];
        foreach ($keys as $key) {
            $ids[] = $this->idOf($key);
        }

        return delete_multiple($ids);
    }

    public function has(string $key): bool
    {
        return has($this->ids[$key] ?? $this->id($key));
    }

    private static function invalid(string $message): InvalidArgument
    {
        return new InvalidArgument($message);
    }
}
