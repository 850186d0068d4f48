<?php

declare(strict_types=1);

namespace Pillion\Bridge\Cache;

use Psr\Cache\CacheItemInterface;

/**
 * An item of {@see Pool}, which creates it.
 */
final class Item implements CacheItemInterface
{
    /** Seconds since 1970. */
    private ?float $expiry = null;

    /**
     * @internal
     */
    public function __construct(private readonly string $key, private mixed $value, private readonly bool $isHit) {}

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

    public function set(mixed $value): static
    {
        $this->value = $value;

        return $this;
    }

    public function expiresAt(?\DateTimeInterface $expiration): static
    {
        $this->expiry = $expiration === null ? null : (float) $expiration->format('U.u');

        return $this;
    }

    public function expiresAfter(int|\DateInterval|null $time): static
    {
        $this->expiry = match (true) {
            $time === null => null,
            \is_int($time) => \microtime(true) + $time,
            default => (float) (new \DateTimeImmutable())->add($time)->format('U.u'),
        };

        return $this;
    }

    /**
     * The lifetime in seconds from now on, or null: that of the pool. Zero or less: it is over.
     *
     * @internal
     */
    public function ttl(): ?float
    {
        return $this->expiry === null ? null : $this->expiry - \microtime(true);
    }
}
