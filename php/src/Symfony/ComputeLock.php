<?php

/*
 * Lets one process of the host compute a value while the others wait for it. A process holds one such lock at most, so
 * that nested computations can't wait for each other.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Symfony;

use function Pillion\Cache\lock;
use function Pillion\Cache\lock_owner;
use function Pillion\Cache\unlock;

/**
 * @internal
 */
final class ComputeLock
{
    /** Seconds after which other processes compute too: the process was killed, or is slow. */
    private const LEASE = 10.0;

    private static ?self $held = null;

    private function __construct(private readonly string $name, private readonly string $owner) {}

    /**
     * The lock, or null: another process computes.
     */
    public static function acquire(string $id): ?self
    {
        if (self::$held !== null) {
            return new self('', '');
        }
        $owner = lock(self::name($id), self::LEASE);

        return $owner === null ? null : self::$held = new self(self::name($id), $owner);
    }

    /**
     * The lock after its release by the process that computes, or null after its lease: compute without it.
     */
    public static function await(string $id): ?self
    {
        $until = \microtime(true) + self::LEASE;
        $pause = 200;
        while (lock_owner(self::name($id)) !== null && \microtime(true) < $until) {
            \usleep($pause);
            $pause = \min(10_000, 2 * $pause);
        }

        return self::acquire($id);
    }

    public function release(): void
    {
        if (self::$held === $this) {
            self::$held = null;
            unlock($this->name, $this->owner);
        }
    }

    private static function name(string $id): string
    {
        return "compute:{$id}";
    }
}
