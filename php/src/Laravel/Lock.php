<?php

declare(strict_types=1);

namespace Pillion\Bridge\Laravel;

use Illuminate\Cache\Lock as BaseLock;

use function Pillion\Cache\lock;
use function Pillion\Cache\lock_owner;
use function Pillion\Cache\lock_refresh;
use function Pillion\Cache\unlock;

/**
 * A lock of the host. With 0 seconds it stays until its release, for ten years at most.
 */
final class Lock extends BaseLock
{
    /** Seconds: ten years. */
    public const FOR_EVER = 315_360_000.0;

    /** Another attempt costs less than a microsecond. */
    protected $sleepMilliseconds = 10;

    public function acquire()
    {
        return lock($this->name, $this->lease($this->seconds), $this->owner) !== null;
    }

    public function refresh($seconds = null)
    {
        return lock_refresh($this->name, $this->owner, $this->lease($seconds ?? $this->seconds));
    }

    public function release()
    {
        return unlock($this->name, $this->owner);
    }

    public function forceRelease()
    {
        $owner = lock_owner($this->name);
        $owner === null || unlock($this->name, $owner);
    }

    protected function getCurrentOwner()
    {
        return lock_owner($this->name);
    }

    private function lease(int|float $seconds): float
    {
        return $seconds > 0 ? (float) $seconds : self::FOR_EVER;
    }
}
