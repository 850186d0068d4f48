<?php

/*
 * Symfony's cache over the extension's: pools, contracts, tags, sub-namespaces. Values without metadata are stored as
 * they are; those with, in an array, which each PHP thread keeps decoded. The first eight tags of an item are the
 * extension's own; further ones have their versions beside the value.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Symfony;

use Pillion\Bridge\Cache\DeferredItems;
use Pillion\Bridge\Cache\Miss;
use Pillion\Bridge\Cache\PrefixedKeys;
use Psr\Cache\CacheItemInterface;
use Psr\Log\LoggerAwareInterface;
use Psr\Log\LoggerAwareTrait;
use Symfony\Component\Cache\Adapter\TagAwareAdapterInterface;
use Symfony\Component\Cache\CacheItem;
use Symfony\Component\Cache\Exception\InvalidArgumentException;
use Symfony\Component\Cache\PruneableInterface;
use Symfony\Component\Cache\ResettableInterface;
use Symfony\Contracts\Cache\NamespacedPoolInterface;
use Symfony\Contracts\Cache\TagAwareCacheInterface;

use function Pillion\Cache\add;
use function Pillion\Cache\delete_multiple;
use function Pillion\Cache\get;
use function Pillion\Cache\get_multiple;
use function Pillion\Cache\invalidate_tags;
use function Pillion\Cache\lock;
use function Pillion\Cache\remember;
use function Pillion\Cache\set;
use function Pillion\Cache\unlock;

final class CacheAdapter implements
    TagAwareAdapterInterface,
    TagAwareCacheInterface,
    NamespacedPoolInterface,
    PruneableInterface,
    ResettableInterface,
    LoggerAwareInterface
{
    use LoggerAwareTrait;
    use DeferredItems;
    use PrefixedKeys;

    /** Elements of the array of a value with metadata. */
    private const METADATA = "\0";
    private const VALUE = "\1";
    private const FURTHER_TAGS = "\2";
    /** Until then the value is neither computed early nor has further tags. */
    private const ON_TIME = "\3";

    private const MAX_NATIVE_TAGS = 8;

    /** -log() of the smallest random number: an item expires earlier by at most so many times its computation. */
    private const MAX_EARLINESS = 43.67;

    /** Seconds after which another process refreshes an item that was elected for it. */
    private const MAX_REFRESH = 10.0;

    /** @var \Closure(string, mixed, bool, array<string, mixed>): CacheItem */
    private static \Closure $newItem;

    /** @var \Closure(CacheItem): array{float|int|null, array<string, mixed>} */
    private static \Closure $read;

    /** @var \Closure(CacheItem, float): array<string, mixed> */
    private static \Closure $finish;

    /** @var array<array-key, true> keys of callbacks that run */
    private array $computing = [];

    /** The namespace without sub-namespaces: that of the tags. */
    private readonly string $rootPrefix;

    /**
     * @param int $defaultLifetime seconds, for items without an expiration; 0: until they are evicted
     */
    public function __construct(string $namespace = '', private readonly int $defaultLifetime = 0)
    {
        self::requireExtension();
        $this->prefix = $this->rootPrefix = $namespace === '' ? '' : CacheItem::validateKey($namespace) . ':';
        self::$newItem ??= \Closure::bind(static function (string $key, mixed $value, bool $isHit, array $metadata): CacheItem {
            $item = new CacheItem();
            $item->key = $key;
            $item->value = $value;
            $item->isHit = $isHit;
            $item->metadata = $metadata;
            $item->isTaggable = true;

            return $item;
        }, null, CacheItem::class);
        self::$read ??= \Closure::bind(static function (CacheItem $item): array {
            $item->metadata = $item->newMetadata;
            $tags = \array_map(\strval(...), \array_keys($item->newMetadata[CacheItem::METADATA_TAGS] ?? []));
            $tags && $item->metadata[CacheItem::METADATA_TAGS] = \array_combine($tags, $tags);

            return [$item->expiry, $item->newMetadata];
        }, null, CacheItem::class);
        self::$finish ??= \Closure::bind(static function (CacheItem $item, float $started): array {
            $now = \microtime(true);
            if ($item->expiry > $now) {
                $item->newMetadata[CacheItem::METADATA_EXPIRY] = $item->expiry;
                $item->newMetadata[CacheItem::METADATA_CTIME] = (int) \ceil(1000 * ($now - $started));
            }

            return $item->newMetadata;
        }, null, CacheItem::class);
    }

    public function __destruct()
    {
        $this->deferred && $this->commit();
    }

    public function __clone()
    {
        $this->deferred = [];
        $this->computing = [];
        $this->ids = [];
    }

    public function __serialize(): array
    {
        throw new \BadMethodCallException('Cannot serialize ' . self::class);
    }

    /**
     * @param array<mixed> $data
     */
    public function __unserialize(array $data): void
    {
        throw new \BadMethodCallException('Cannot unserialize ' . self::class);
    }

    public function get(string $key, callable $callback, ?float $beta = null, ?array &$metadata = null): mixed
    {
        $id = $this->ids[$key] ?? $this->id($key);
        if ($this->deferred && isset($this->deferred[$key])) {
            $this->commit();
        }
        try {
            $value = get($id, Miss::Value);
        } catch (\Throwable $trouble) {
            $value = $this->unreadable($key, $trouble->getMessage(), $trouble);
        }
        $metadata = [];
        if (\is_array($value) && isset($value[self::METADATA])) {
            if ($beta === null && ($value[self::ON_TIME] ?? 0) > \microtime(true)) {
                // The common case, as fast as possible.
                $metadata = $value[self::METADATA];
                $value = $value[self::VALUE];
                if (!$value instanceof \__PHP_Incomplete_Class) {
                    return $value;
                }
            } else {
                $value = $this->unpack($value, $metadata);
            }
        }
        if ($value instanceof \__PHP_Incomplete_Class) {
            $value = $this->unreadable($key, 'its class does not exist');
            $metadata = [];
        }
        if ($value !== Miss::Value && $beta === null && !$metadata) {
            return $value;
        }
        if ($beta !== null && $beta < 0) {
            throw new InvalidArgumentException("Argument \"\$beta\" of \"get()\" must not be negative, {$beta} given.");
        }
        if ($value !== Miss::Value && $beta !== \INF && !$this->expiresEarly($metadata, $beta ?? 1.0)) {
            return $value;
        }

        return $this->compute($key, $id, $value, $callback, $metadata, $beta === \INF);
    }

    public function delete(string $key): bool
    {
        return $this->deleteItems([$key]);
    }

    public function getItem(mixed $key): CacheItem
    {
        $id = $this->idOf($key);
        if ($this->deferred && isset($this->deferred[$key])) {
            $this->commit();
        }

        return $this->item($key, $this->fetch($key, $id));
    }

    /**
     * @return iterable<string, CacheItem>
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

    public function hasItem(mixed $key): bool
    {
        return $this->getItem($key)->isHit();
    }

    public function clear(string $prefix = ''): bool
    {
        foreach ($this->deferred as $key => $_) {
            if (\str_starts_with((string) $key, $prefix)) {
                unset($this->deferred[$key]);
            }
        }

        return self::clearPrefix($this->prefix . $prefix);
    }

    public function deleteItem(mixed $key): bool
    {
        return $this->deleteItems([$key]);
    }

    public function save(CacheItemInterface $item): bool
    {
        if (!$item instanceof CacheItem) {
            return false;
        }
        unset($this->deferred[$item->getKey()]);

        return $this->store($item);
    }

    public function saveDeferred(CacheItemInterface $item): bool
    {
        if (!$item instanceof CacheItem) {
            return false;
        }
        $this->deferred[$item->getKey()] = $item;

        return true;
    }

    /**
     * Deferred items are stored, after it.
     */
    public function invalidateTags(array $tags): bool
    {
        foreach ($tags as $tag) {
            CacheItem::validateKey($tag);
        }
        $isDone = delete_multiple(\array_map($this->versionId(...), $tags));
        invalidate_tags(\array_map($this->tagId(...), $tags));

        return $this->commit() && $isDone;
    }

    /**
     * Tags are those of the whole namespace.
     */
    public function withSubNamespace(string $namespace): static
    {
        $pool = clone $this;
        $pool->prefix .= CacheItem::validateKey($namespace) . ':';

        return $pool;
    }

    /**
     * Nothing to do: the extension removes expired values.
     */
    public function prune(): bool
    {
        return true;
    }

    public function reset(): void
    {
        $this->commit();
        $this->ids = [];
    }

    private function fetch(string $key, string $id): mixed
    {
        try {
            return get($id, Miss::Value);
        } catch (\Throwable $trouble) {
            return $this->unreadable($key, $trouble->getMessage(), $trouble);
        }
    }

    private function item(string $key, mixed $value): CacheItem
    {
        $metadata = [];
        if (\is_array($value) && isset($value[self::METADATA])) {
            $value = $this->unpack($value, $metadata);
        }
        if ($value instanceof \__PHP_Incomplete_Class) {
            $value = $this->unreadable($key, 'its class does not exist');
        }

        return $value === Miss::Value ? (self::$newItem)($key, null, false, []) : (self::$newItem)($key, $value, true, $metadata);
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
            $id = $ids[$position];
            yield $key => $this->item($key, $values === null ? $this->fetch($key, $id) : $values[$id]);
        }
    }

    /**
     * The value of an array with metadata.
     *
     * @param array<string, mixed> $packed
     * @param array<string, mixed> $metadata
     */
    private function unpack(array $packed, array &$metadata): mixed
    {
        $versions = $packed[self::FURTHER_TAGS] ?? [];
        if ($versions && get_multiple(\array_keys($versions)) !== $versions) {
            return Miss::Value;
        }
        $metadata = $packed[self::METADATA];

        return $packed[self::VALUE];
    }

    private function store(CacheItem $item): bool
    {
        $key = $item->getKey();
        $id = $this->ids[$key] ?? $this->id($key);
        [$expiry, $metadata] = (self::$read)($item);
        $ttl = match (true) {
            // Symfony's own adapters mark items without an end so.
            $expiry === 0 => \INF,
            $expiry !== null => $expiry - \microtime(true),
            $this->defaultLifetime > 0 => $this->defaultLifetime,
            default => \INF,
        };
        $value = $item->get();
        $tags = [];
        if ($metadata || (\is_array($value) && isset($value[self::METADATA]))) {
            $expiry && $metadata[CacheItem::METADATA_EXPIRY] = $expiry;
            $value = [self::METADATA => $metadata, self::VALUE => $value];
            foreach ($metadata[CacheItem::METADATA_TAGS] ?? [] as $tag => $name) {
                // Symfony's TagAwareAdapter around this one stores its versions there.
                (string) $tag === $name && $tags[] = $name;
            }
            if (\count($tags) > self::MAX_NATIVE_TAGS) {
                $value[self::FURTHER_TAGS] = $this->versions(\array_splice($tags, self::MAX_NATIVE_TAGS));
            } else {
                $earliness = self::MAX_EARLINESS * ($metadata[CacheItem::METADATA_CTIME] ?? 0) / 1000;
                $value[self::ON_TIME] = ($metadata[CacheItem::METADATA_EXPIRY] ?? \PHP_INT_MAX) - $earliness;
            }
        }
        try {
            if (set($id, $value, $ttl, \array_map($this->tagId(...), $tags))) {
                return true;
            }
            $trouble = null;
        } catch (\Exception $trouble) {
        }
        $this->logger?->warning('Failed to save key "{key}" of type {type}', [
            'key' => $key,
            'type' => \get_debug_type($item->get()),
            'exception' => $trouble,
            'cache-adapter' => self::class,
        ]);

        return false;
    }

    /**
     * Runs the callback, in one process for each key: the others wait for its value, or return the stored one.
     *
     * @param array<string, mixed> $metadata
     */
    private function compute(string $key, string $id, mixed $stored, callable $callback, array &$metadata, bool $isForced): mixed
    {
        $isMiss = $stored === Miss::Value;
        $item = (self::$newItem)($key, $isMiss ? null : $stored, !$isMiss, $metadata);
        if (isset($this->computing[$key])) {
            // A callback that asks for its own key.
            $save = false;

            return $callback($item, $save);
        }
        $name = "\1compute\1{$id}";
        if ($isForced) {
            return $this->run($item, $callback, $metadata);
        }
        if (!$isMiss) {
            $owner = lock($name, self::MAX_REFRESH);
            if ($owner === null) {
                // Another process refreshes it already.
                return $stored;
            }
            try {
                return $this->run($item, $callback, $metadata);
            } finally {
                unlock($name, $owner);
            }
        }
        $value = Miss::Value;
        $produce = function () use ($key, $id, $item, $callback, &$metadata, &$value): bool {
            // Another process may have stored it meanwhile.
            $now = $this->item($key, $this->fetch($key, $id));
            $metadata = $now->getMetadata();
            $value = $now->isHit() ? $now->get() : $this->run($item, $callback, $metadata);

            return true;
        };
        // The extension lets one process produce; the item itself has a lifetime and tags that only the callback knows.
        remember($name, $produce, 0.001, 0.0);
        $value === Miss::Value && $produce();

        return $value;
    }

    /**
     * @param array<string, mixed> $metadata
     */
    private function run(CacheItem $item, callable $callback, array &$metadata): mixed
    {
        $key = $item->getKey();
        $save = true;
        $this->computing[$key] = true;
        try {
            $started = \microtime(true);
            $item->set($callback($item, $save));
            $metadata = (self::$finish)($item, $started);
            $save && $this->save($item);
        } finally {
            unset($this->computing[$key]);
        }

        return $item->get();
    }

    /**
     * Whether the item is elected for a computation before its expiration, the more likely the nearer that is.
     *
     * @param array<string, mixed> $metadata
     */
    private function expiresEarly(array $metadata, float $beta): bool
    {
        $expiry = $metadata[CacheItem::METADATA_EXPIRY] ?? null;
        $early = ($metadata[CacheItem::METADATA_CTIME] ?? 0) / 1000 * $beta;

        return $expiry && $early
            && $expiry <= \microtime(true) - $early * \log(\random_int(1, \PHP_INT_MAX) / \PHP_INT_MAX);
    }

    private function unreadable(string $key, string $reason, ?\Throwable $trouble = null): Miss
    {
        $this->logger?->warning("Failed to fetch key \"{key}\": {$reason}", [
            'key' => $key,
            'exception' => $trouble,
            'cache-adapter' => self::class,
        ]);

        return Miss::Value;
    }

    private function tagId(string|int $tag): string
    {
        return $this->rootPrefix . $tag;
    }

    private function versionId(string|int $tag): string
    {
        return "\1tag\1{$this->rootPrefix}{$tag}";
    }

    /**
     * Versions of tags beyond those of the extension. A lost one returns as another number: a miss of its items.
     *
     * @param list<string|int> $tags
     *
     * @return array<string, int>
     */
    private function versions(array $tags): array
    {
        $ids = \array_map($this->versionId(...), $tags);
        foreach (get_multiple($ids) as $id => $version) {
            $version === null && add($id, \random_int(0, \PHP_INT_MAX), \INF);
        }

        return get_multiple($ids);
    }

    private static function invalid(string $message): InvalidArgumentException
    {
        return new InvalidArgumentException($message);
    }
}
