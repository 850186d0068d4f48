<?php

/*
 * PSR-6 over the extension's cache.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Cache;

use Psr\Cache\CacheItemInterface;
use Psr\Cache\CacheItemPoolInterface;

use function Pillion\Cache\get;
use function Pillion\Cache\get_multiple;
use function Pillion\Cache\has;
use function Pillion\Cache\set;

final class Pool implements CacheItemPoolInterface
{
    use DeferredItems;
    use PrefixedKeys;

    /**
     * @param string $prefix of all keys, any bytes; separates this pool from other users of the same memory
     * @param int|float|null $defaultTtl seconds, for items without an expiration; INF: until they are evicted; null:
     *     `pillion.cache_ttl_default`
     */
    public function __construct(string $prefix = '', private readonly int|float|null $defaultTtl = null)
    {
        self::requireExtension();
        $this->prefix = $prefix;
    }

    public function __destruct()
    {
        $this->commit();
    }

    public function getItem(string $key): Item
    {
        $id = $this->ids[$key] ?? $this->id($key);
        if ($this->deferred && isset($this->deferred[$key])) {
            $this->commit();
        }
        try {
            $value = get($id, Miss::Value);
        } catch (\Throwable) {
            // The value is an object that can't be restored.
            $value = Miss::Value;
        }

        return $this->item($key, $value);
    }

    /**
     * @param array<string> $keys
     *
     * @return iterable<string, Item>
     */
    public function getItems(array $keys = []): iterable
    {
        $ids = \array_map($this->idOf(...), $keys);
        foreach ($this->deferred ? $keys : [] as $key) {
            if (isset($this->deferred[$key])) {
                $this->commit();
            }
        }

        return $this->items($keys, $ids);
    }

    public function hasItem(string $key): bool
    {
        $id = $this->ids[$key] ?? $this->id($key);
        if ($this->deferred && isset($this->deferred[$key])) {
            $this->commit();
        }

        return has($id);
    }

    public function clear(): bool
    {
        $this->deferred = [];

        return self::clearPrefix($this->prefix);
    }

    /**
     * True also if there was no value.
     */
    public function deleteItem(string $key): bool
    {
        return $this->deleteItems([$key]);
    }

    /**
     * False also for an item of another pool's class.
     */
    public function save(CacheItemInterface $item): bool
    {
        if (!$item instanceof Item) {
            return false;
        }
        unset($this->deferred[$item->getKey()]);

        return $this->store($item);
    }

    public function saveDeferred(CacheItemInterface $item): bool
    {
        if (!$item instanceof Item) {
            return false;
        }
        $this->deferred[$item->getKey()] = clone $item;

        return true;
    }

    private function store(Item $item): bool
    {
        $key = $item->getKey();
        try {
            return set($this->ids[$key] ?? $this->id($key), $item->get(), $item->ttl() ?? $this->defaultTtl);
        } catch (InvalidArgument $invalid) {
            throw $invalid;
        } catch (\Exception) {
            // It can't be serialized.
            return false;
        }
    }

    /**
     * @param array<string> $keys
     * @param array<string> $ids
     */
    private function items(array $keys, array $ids): \Generator
    {
        try {
            $values = get_multiple($ids, Miss::Value);
        } catch (\Throwable) {
            $values = null;
        }
        foreach ($keys as $position => $key) {
            $value = $values[$ids[$position]] ?? null;
            yield $key => $values === null ? $this->getItem($key) : $this->item($key, $value);
        }
    }

    private function item(string $key, mixed $value): Item
    {
        $isHit = $value !== Miss::Value && !$value instanceof \__PHP_Incomplete_Class;

        return new Item($key, $isHit ? $value : null, $isHit);
    }

    private static function invalid(string $message): InvalidArgument
    {
        return new InvalidArgument($message);
    }
}
