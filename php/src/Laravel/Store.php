<?php

/*
 * A store of Laravel's cache over the extension's. Values of a tagged cache carry the extension's tags: a read compares
 * them in shared memory and reads no other key.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Laravel;

use Illuminate\Cache\TaggableStore;
use Illuminate\Contracts\Cache\LockProvider;
use Pillion\Bridge\Cache\PrefixedKeys;
use Pillion\InvalidRequestException;

use function Pillion\Cache\add;
use function Pillion\Cache\delete;
use function Pillion\Cache\get;
use function Pillion\Cache\get_multiple;
use function Pillion\Cache\has;
use function Pillion\Cache\increment;
use function Pillion\Cache\lock;
use function Pillion\Cache\lock_owner;
use function Pillion\Cache\set;
use function Pillion\Cache\set_multiple;
use function Pillion\Cache\touch;
use function Pillion\Cache\unlock;

class Store extends TaggableStore implements LockProvider
{
    use PrefixedKeys;

    /** @var list<string> tags of the values that are stored */
    private array $tags = [];

    public function __construct(string $prefix = '')
    {
        self::requireExtension();
        $this->prefix = $prefix;
    }

    public function get($key)
    {
        return get($this->ids[$key] ?? $this->keepId($key));
    }

    public function many(array $keys)
    {
        $ids = \array_map($this->keep(...), $keys);
        $found = get_multiple($ids);
        $values = [];
        foreach ($keys as $position => $key) {
            $values[$key] = $found[$ids[$position]];
        }

        return $values;
    }

    public function put($key, $value, $seconds)
    {
        return set($this->keep($key), $value, \max(1, $seconds), $this->tags);
    }

    public function putMany(array $values, $seconds)
    {
        if ($this->tags) {
            $isDone = true;
            foreach ($values as $key => $value) {
                $isDone = $this->put($key, $value, $seconds) && $isDone;
            }

            return $isDone;
        }
        $byId = [];
        foreach ($values as $key => $value) {
            $byId[$this->keep($key)] = $value;
        }

        return set_multiple($byId, \max(1, $seconds));
    }

    /**
     * Stores a value if the key has none, atomically.
     */
    public function add($key, $value, $seconds)
    {
        $id = $this->keep($key);
        if (!$this->tags) {
            return add($id, $value, \max(1, $seconds));
        }

        return $this->exclusively($id, fn (): bool => !has($id) && $this->put($key, $value, $seconds));
    }

    /**
     * The sum, or false: the stored value is no integer.
     */
    public function increment($key, $value = 1)
    {
        $id = $this->keep($key);
        if ($this->tags && !has($id)) {
            $this->exclusively($id, fn (): bool => has($id) || $this->forever($key, 0));
        }
        try {
            return increment($id, (int) $value, \INF);
        } catch (InvalidRequestException) {
            return false;
        }
    }

    public function decrement($key, $value = 1)
    {
        return $this->increment($key, -$value);
    }

    /**
     * Stores a value until it is evicted.
     */
    public function forever($key, $value)
    {
        return set($this->keep($key), $value, \INF, $this->tags);
    }

    public function touch($key, $seconds)
    {
        return touch($this->keep($key), \max(1, $seconds));
    }

    public function forget($key)
    {
        return delete($this->keep($key));
    }

    /**
     * Removes the values of this prefix; locks stay.
     */
    public function flush()
    {
        return self::clearPrefix($this->prefix);
    }

    public function getPrefix()
    {
        return $this->prefix;
    }

    public function setPrefix(string $prefix): void
    {
        $this->prefix = $prefix;
        $this->ids = [];
    }

    public function tags($names)
    {
        $tags = new TagSet($this, \array_values(\is_array($names) ? $names : \func_get_args()));
        $store = clone $this;
        $store->tags = $tags->native();

        return new TaggedCache($store, $tags);
    }

    public function lock($name, $seconds = 0, $owner = null)
    {
        return new Lock($this->prefix . lock_owner($this->lockGeneration()) . $name, $seconds, $owner);
    }

    public function restoreLock($name, $owner)
    {
        return $this->lock($name, 0, $owner);
    }

    /**
     * Makes all locks of this prefix free: later ones have other names. The earlier ones end with their leases.
     */
    public function flushLocks(): bool
    {
        $name = $this->lockGeneration();
        $old = lock_owner($name);
        $old === null || unlock($name, $old);

        // A lock keeps the generation, because locks are never evicted.
        return lock($name, Lock::FOR_EVER) !== null;
    }

    public function hasSeparateLockStore(): bool
    {
        return true;
    }

    private function lockGeneration(): string
    {
        return "\1locks\1{$this->prefix}";
    }

    /**
     * The key in the extension's cache; Laravel allows any bytes.
     */
    private function keep(string|int $key): string
    {
        return $this->ids[$key] ?? $this->keepId($key);
    }

    /**
     * Runs a check and a store that no other process does at the same time.
     *
     * @param \Closure(): bool $change
     */
    private function exclusively(string $id, \Closure $change): bool
    {
        $lock = new Lock("\1change\1{$id}", 1);
        $isHeld = $lock->block(2);
        try {
            return $change();
        } finally {
            $isHeld && $lock->release();
        }
    }

    private static function invalid(string $message): \InvalidArgumentException
    {
        return new \InvalidArgumentException($message);
    }
}
