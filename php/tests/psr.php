<?php

/*
 * The interfaces of psr/cache 3 and psr/simple-cache 3, with their names and signatures, for the tests, which use the
 * packages themselves if the environment names their autoloader (PSR_CACHE).
 */

declare(strict_types=1);

namespace Psr\Cache {
    interface CacheException extends \Throwable {}

    interface InvalidArgumentException extends CacheException {}

    interface CacheItemInterface
    {
        public function getKey(): string;

        public function get(): mixed;

        public function isHit(): bool;

        public function set(mixed $value): static;

        public function expiresAt(?\DateTimeInterface $expiration): static;

        public function expiresAfter(int|\DateInterval|null $time): static;
    }

    interface CacheItemPoolInterface
    {
        public function getItem(string $key): CacheItemInterface;

        /** @param string[] $keys */
        public function getItems(array $keys = []): iterable;

        public function hasItem(string $key): bool;

        public function clear(): bool;

        public function deleteItem(string $key): bool;

        /** @param string[] $keys */
        public function deleteItems(array $keys): bool;

        public function save(CacheItemInterface $item): bool;

        public function saveDeferred(CacheItemInterface $item): bool;

        public function commit(): bool;
    }
}

namespace Psr\SimpleCache {
    interface CacheException extends \Throwable {}

    interface InvalidArgumentException extends CacheException {}

    interface CacheInterface
    {
        public function get(string $key, mixed $default = null): mixed;

        public function set(string $key, mixed $value, null|int|\DateInterval $ttl = null): bool;

        public function delete(string $key): bool;

        public function clear(): bool;

        /** @param iterable<string> $keys */
        public function getMultiple(iterable $keys, mixed $default = null): iterable;

        /** @param iterable<string, mixed> $values */
        public function setMultiple(iterable $values, null|int|\DateInterval $ttl = null): bool;

        /** @param iterable<string> $keys */
        public function deleteMultiple(iterable $keys): bool;

        public function has(string $key): bool;
    }
}
