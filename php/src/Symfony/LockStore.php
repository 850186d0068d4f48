<?php

/*
 * The extension's locks for Symfony's Lock component. A lock belongs to the host.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Symfony;

use Symfony\Component\Lock\BlockingStoreInterface;
use Symfony\Component\Lock\Exception\InvalidTtlException;
use Symfony\Component\Lock\Exception\LockConflictedException;
use Symfony\Component\Lock\Exception\LockExpiredException;
use Symfony\Component\Lock\Exception\LockStorageException;
use Symfony\Component\Lock\Key;
use Symfony\Component\Lock\PersistingStoreInterface;

use function Pillion\Cache\lock;
use function Pillion\Cache\lock_owner;
use function Pillion\Cache\lock_refresh;
use function Pillion\Cache\stats;
use function Pillion\Cache\unlock;

final class LockStore implements PersistingStoreInterface, BlockingStoreInterface
{
    /**
     * @param float $initialTtl seconds until a lock ends that is not refreshed
     * @param string $prefix of the names
     */
    public function __construct(private readonly float $initialTtl = 300.0, private readonly string $prefix = '')
    {
        if (!\function_exists('Pillion\Cache\lock')) {
            throw new \LogicException(self::class . ' needs the PHP extension pillion, which is not loaded');
        }
        if ($initialTtl <= 0) {
            throw new InvalidTtlException(\sprintf('"%s()" expects a strictly positive TTL. Got %d.', __METHOD__, $initialTtl));
        }
    }

    public function save(Key $key): void
    {
        $this->hold($key, $this->initialTtl);
    }

    /**
     * Tries again after pauses of 1 to 20 ms. Symfony's own loop, for other stores, has pauses of 100 ms.
     */
    public function waitAndSave(Key $key): void
    {
        for ($pause = 1000; ; $pause = \min(20_000, 2 * $pause)) {
            try {
                $this->save($key);

                return;
            } catch (LockConflictedException) {
                // A conflict shortens the lifetime of the key.
                $key->resetLifetime();
                \usleep($pause);
            }
        }
    }

    public function delete(Key $key): void
    {
        unlock($this->name($key), $this->owner($key));
    }

    public function exists(Key $key): bool
    {
        return lock_owner($this->name($key)) === $this->owner($key);
    }

    public function putOffExpiration(Key $key, float $ttl): void
    {
        $this->hold($key, $ttl);
    }

    /**
     * Acquires the lock, or renews its lease.
     */
    private function hold(Key $key, float $ttl): void
    {
        if ($ttl <= 0) {
            throw new InvalidTtlException(\sprintf('"%s()" expects a strictly positive TTL. Got %f.', __METHOD__, $ttl));
        }
        [$name, $owner] = [$this->name($key), $this->owner($key)];
        $key->reduceLifetime($ttl);
        if (!lock_refresh($name, $owner, $ttl) && lock($name, $ttl, $owner) === null) {
            throw lock_owner($name) === null && !stats()['available']
                ? new LockStorageException('The shared cache is not available.')
                : new LockConflictedException();
        }
        if ($key->isExpired()) {
            unlock($name, $owner);

            throw new LockExpiredException(\sprintf('Failed to store the "%s" lock.', $key));
        }
    }

    private function name(Key $key): string
    {
        return "{$this->prefix}{$key}";
    }

    private function owner(Key $key): string
    {
        if (!$key->hasState(self::class)) {
            $key->setState(self::class, \base64_encode(\random_bytes(24)));
        }

        return $key->getState(self::class);
    }
}
