<?php

/*
 * The parts of symfony/cache, symfony/cache-contracts, symfony/lock and psr/log that the bridge uses: with their names,
 * signatures, properties and behaviour, written for the tests, which use the packages themselves if the environment
 * names their autoloader (SYMFONY).
 */

declare(strict_types=1);

namespace Psr\Log {
    if (!interface_exists(LoggerAwareInterface::class)) {
        interface LoggerAwareInterface
        {
            public function setLogger(LoggerInterface $logger): void;
        }

        trait LoggerAwareTrait
        {
            protected ?LoggerInterface $logger = null;

            public function setLogger(LoggerInterface $logger): void
            {
                $this->logger = $logger;
            }
        }
    }
}

namespace Symfony\Contracts\Cache {
    use Psr\Cache\CacheItemInterface;

    interface CacheInterface
    {
        /** @param array<string, mixed> $metadata */
        public function get(string $key, callable $callback, ?float $beta = null, ?array &$metadata = null): mixed;

        public function delete(string $key): bool;
    }

    interface TagAwareCacheInterface extends CacheInterface
    {
        /** @param string[] $tags */
        public function invalidateTags(array $tags): bool;
    }

    interface NamespacedPoolInterface
    {
        public function withSubNamespace(string $namespace): static;
    }

    interface ItemInterface extends CacheItemInterface
    {
        public const METADATA_EXPIRY = 'expiry';
        public const METADATA_CTIME = 'ctime';
        public const METADATA_TAGS = 'tags';
        public const RESERVED_CHARACTERS = '{}()/\@:';

        /** @param string|iterable<string> $tags */
        public function tag(string|iterable $tags): static;

        /** @return array<string, mixed> */
        public function getMetadata(): array;
    }
}

namespace Symfony\Component\Cache\Exception {
    class InvalidArgumentException extends \InvalidArgumentException implements \Psr\Cache\InvalidArgumentException, \Psr\SimpleCache\InvalidArgumentException {}
}

namespace Symfony\Component\Cache {
    use Symfony\Component\Cache\Exception\InvalidArgumentException;
    use Symfony\Contracts\Cache\ItemInterface;

    interface PruneableInterface
    {
        public function prune(): bool;
    }

    interface ResettableInterface
    {
        public function reset(): void;
    }

    final class CacheItem implements ItemInterface
    {
        protected string $key;
        protected mixed $value = null;
        protected bool $isHit = false;
        protected float|int|null $expiry = null;
        /** @var array<string, mixed> */
        protected array $metadata = [];
        /** @var array<string, mixed> */
        protected array $newMetadata = [];
        protected ?ItemInterface $innerItem = null;
        protected ?string $poolHash = null;
        protected bool $isTaggable = false;

        public function getKey(): string
        {
            return $this->key;
        }

        public function get(): mixed
        {
            return $this->value;
        }

        public function isHit(): bool
        {
            return $this->isHit;
        }

        public function set($value): static
        {
            $this->value = $value;

            return $this;
        }

        public function expiresAt(?\DateTimeInterface $expiration): static
        {
            $this->expiry = $expiration === null ? null : (float) $expiration->format('U.u');

            return $this;
        }

        public function expiresAfter(mixed $time): static
        {
            $this->expiry = $time === null ? null : microtime(true) + $time;

            return $this;
        }

        public function tag(mixed $tags): static
        {
            foreach (\is_iterable($tags) ? $tags : [$tags] as $tag) {
                $this->newMetadata[self::METADATA_TAGS][self::validateKey($tag)] = $tag;
            }

            return $this;
        }

        public function getMetadata(): array
        {
            return $this->metadata;
        }

        public static function validateKey($key): string
        {
            if (!\is_string($key) || $key === '' || strpbrk($key, self::RESERVED_CHARACTERS) !== false) {
                throw new InvalidArgumentException('invalid key');
            }

            return $key;
        }
    }
}

namespace Symfony\Component\Cache\Adapter {
    use Psr\Cache\CacheItemPoolInterface;
    use Symfony\Component\Cache\CacheItem;

    interface AdapterInterface extends CacheItemPoolInterface
    {
        public function getItem(mixed $key): CacheItem;

        public function getItems(array $keys = []): iterable;

        public function clear(string $prefix = ''): bool;
    }

    interface TagAwareAdapterInterface extends AdapterInterface
    {
        /** @param string[] $tags */
        public function invalidateTags(array $tags): bool;
    }
}

namespace Symfony\Component\Lock\Exception {
    class LockConflictedException extends \RuntimeException {}

    class LockExpiredException extends \RuntimeException {}

    class LockStorageException extends \RuntimeException {}

    class InvalidTtlException extends \InvalidArgumentException {}
}

namespace Symfony\Component\Lock {
    interface PersistingStoreInterface
    {
        public function save(Key $key): void;

        public function delete(Key $key): void;

        public function exists(Key $key): bool;

        public function putOffExpiration(Key $key, float $ttl): void;
    }

    interface BlockingStoreInterface extends PersistingStoreInterface
    {
        public function waitAndSave(Key $key): void;
    }

    final class Key
    {
        private ?float $expiringTime = null;
        /** @var array<string, mixed> */
        private array $state = [];

        public function __construct(private string $resource) {}

        public function __toString(): string
        {
            return $this->resource;
        }

        public function hasState(string $stateKey): bool
        {
            return isset($this->state[$stateKey]);
        }

        public function setState(string $stateKey, mixed $state): void
        {
            $this->state[$stateKey] = $state;
        }

        public function getState(string $stateKey): mixed
        {
            return $this->state[$stateKey];
        }

        public function resetLifetime(): void
        {
            $this->expiringTime = null;
        }

        public function reduceLifetime(float $ttl): void
        {
            $this->expiringTime = min($this->expiringTime ?? \INF, microtime(true) + $ttl);
        }

        public function isExpired(): bool
        {
            return $this->expiringTime !== null && $this->expiringTime <= microtime(true);
        }
    }
}
