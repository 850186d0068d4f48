<?php

/*
 * PHP sessions in the shared cache. A session id has a lock from the read to the close, as with PHP's files: requests
 * of one session follow each other, and none overwrites the changes of another.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Session;

use function Pillion\Cache\delete;
use function Pillion\Cache\get;
use function Pillion\Cache\has;
use function Pillion\Cache\lock;
use function Pillion\Cache\lock_refresh;
use function Pillion\Cache\set;
use function Pillion\Cache\stats;
use function Pillion\Cache\touch;
use function Pillion\Cache\unlock;

final class SessionHandler implements \SessionHandlerInterface, \SessionUpdateTimestampHandlerInterface, \SessionIdInterface
{
    /** The session of the lock that is held. */
    private ?string $locked = null;

    private readonly string $owner;

    /**
     * @param string $prefix of the ids
     * @param int|null $ttl seconds that a session stays without a request; null: `session.gc_maxlifetime`
     * @param float $lease seconds after which the lock of a killed process ends; a request that takes longer loses it;
     *     0: no locks, for frameworks that never close a session
     * @param float $wait seconds that a read waits for the lock; then it fails, and `session_start()` with it
     */
    public function __construct(
        private readonly string $prefix = 'session:',
        private readonly ?int $ttl = null,
        private readonly float $lease = 30.0,
        private readonly float $wait = 35.0,
    ) {
        if (!\function_exists('Pillion\Cache\get')) {
            throw new \LogicException(self::class . ' needs the PHP extension pillion, which is not loaded');
        }
        $this->owner = \bin2hex(\random_bytes(16));
    }

    public function open(string $path, string $name): bool
    {
        return true;
    }

    /**
     * Releases the lock.
     */
    public function close(): bool
    {
        if ($this->locked !== null) {
            unlock($this->lockName($this->locked), $this->owner);
            $this->locked = null;
        }

        return true;
    }

    /**
     * Waits for the lock of the session. Without the cache every session is empty, and none is stored.
     */
    public function read(string $id): string|false
    {
        if (!$this->acquire($id)) {
            return false;
        }
        $data = get($this->prefix . $id, '');

        return \is_string($data) ? $data : '';
    }

    /**
     * False also if the lease is over and another request has the lock: its session is not overwritten.
     */
    public function write(string $id, string $data): bool
    {
        return $this->renew($id) && set($this->prefix . $id, $data, $this->seconds());
    }

    /**
     * Keeps a session that was not changed.
     */
    public function updateTimestamp(string $id, string $data): bool
    {
        return touch($this->prefix . $id, $this->seconds()) || $this->write($id, $data);
    }

    public function destroy(string $id): bool
    {
        delete($this->prefix . $id);
        $this->locked === $id && $this->close();

        return true;
    }

    /**
     * Nothing to do: the extension removes expired sessions.
     */
    public function gc(int $max_lifetime): int|false
    {
        return 0;
    }

    public function create_sid(): string
    {
        return (string) \session_create_id();
    }

    public function validateId(string $id): bool
    {
        return has($this->prefix . $id);
    }

    private function acquire(string $id): bool
    {
        $this->locked === $id || $this->close();
        if ($this->lease <= 0) {
            return true;
        }
        $until = \microtime(true) + $this->wait;
        for ($pause = 1000; !$this->renew($id); $pause = \min(20_000, 2 * $pause)) {
            if (!stats()['available']) {
                return true;
            }
            if (\microtime(true) >= $until) {
                return false;
            }
            \usleep($pause);
        }

        return true;
    }

    /**
     * Holds the lock from now on for a lease, if no other request has it.
     */
    private function renew(string $id): bool
    {
        if ($this->lease <= 0) {
            return true;
        }
        $name = $this->lockName($id);
        if ($this->locked === $id && lock_refresh($name, $this->owner, $this->lease)) {
            return true;
        }
        $this->locked = lock($name, $this->lease, $this->owner) === null ? null : $id;

        return $this->locked !== null;
    }

    private function lockName(string $id): string
    {
        return "{$this->prefix}{$id}";
    }

    private function seconds(): int
    {
        return $this->ttl ?? (int) \ini_get('session.gc_maxlifetime');
    }
}
