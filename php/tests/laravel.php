<?php

/*
 * The parts of Laravel's cache that the bridge uses: with their names, signatures and behaviour, written for the tests,
 * which use the framework itself if the environment names its autoloader (LARAVEL).
 */

declare(strict_types=1);

namespace Illuminate\Contracts\Cache {
    interface Store
    {
        public function get($key);

        public function many(array $keys);

        public function put($key, $value, $seconds);

        public function putMany(array $values, $seconds);

        public function increment($key, $value = 1);

        public function decrement($key, $value = 1);

        public function forever($key, $value);

        public function touch($key, $seconds);

        public function forget($key);

        public function flush();

        public function getPrefix();
    }

    interface Lock
    {
        public function get($callback = null);

        public function block($seconds, $callback = null);

        public function release();

        public function owner();

        public function forceRelease();
    }

    interface LockProvider
    {
        public function lock($name, $seconds = 0, $owner = null);

        public function restoreLock($name, $owner);
    }

    interface CanFlushLocks
    {
        public function flushLocks(): bool;

        public function hasSeparateLockStore(): bool;
    }

    class LockTimeoutException extends \Exception {}
}

namespace Illuminate\Cache {
    use Illuminate\Contracts\Cache\LockTimeoutException;
    use Illuminate\Contracts\Cache\Store;

    abstract class Lock implements \Illuminate\Contracts\Cache\Lock
    {
        protected $sleepMilliseconds = 250;

        public function __construct(protected $name, protected $seconds, protected $owner = null)
        {
            $this->owner ??= bin2hex(random_bytes(8));
        }

        abstract public function acquire();

        abstract public function release();

        abstract protected function getCurrentOwner();

        public function get($callback = null)
        {
            return $this->acquire() && $callback !== null ? [$callback(), $this->release()][0] : $this->getCurrentOwner() === $this->owner;
        }

        public function block($seconds, $callback = null)
        {
            $until = microtime(true) + $seconds;
            while (!$this->acquire()) {
                microtime(true) < $until || throw new LockTimeoutException();
                usleep($this->sleepMilliseconds * 1000);
            }

            return $callback === null ?: [$callback(), $this->release()][0];
        }

        public function refresh($seconds = null)
        {
            throw new \RuntimeException('This lock driver does not support refreshing locks.');
        }

        public function owner()
        {
            return $this->owner;
        }

        public function isOwnedByCurrentProcess()
        {
            return $this->getCurrentOwner() === $this->owner;
        }
    }

    abstract class TaggableStore implements Store
    {
        public function tags($names)
        {
            return new TaggedCache($this, new TagSet($this, \is_array($names) ? $names : \func_get_args()));
        }
    }

    class TagSet
    {
        public function __construct(protected $store, protected $names = []) {}

        public function reset()
        {
            array_walk($this->names, $this->resetTag(...));
        }

        public function resetTag($name)
        {
            $this->store->forever($this->tagKey($name), $id = bin2hex(random_bytes(8)));

            return $id;
        }

        public function flushTag($name)
        {
            $this->store->forget($this->tagKey($name));
        }

        public function getNamespace()
        {
            return implode('|', array_map($this->tagId(...), $this->names));
        }

        public function tagId($name)
        {
            return $this->store->get($this->tagKey($name)) ?: $this->resetTag($name);
        }

        public function tagKey($name)
        {
            return "tag:{$name}:key";
        }
    }

    class Repository
    {
        public function __construct(protected $store) {}

        public function get($key)
        {
            return $this->store->get($this->itemKey($key));
        }

        public function put($key, $value, $seconds = null)
        {
            return $seconds === null ? $this->store->forever($this->itemKey($key), $value) : $this->store->put($this->itemKey($key), $value, $seconds);
        }

        public function add($key, $value, $seconds)
        {
            return $this->store->add($this->itemKey($key), $value, $seconds);
        }

        public function getStore()
        {
            return $this->store;
        }

        protected function itemKey($key)
        {
            return $key;
        }
    }

    class TaggedCache extends Repository
    {
        public function __construct($store, protected TagSet $tags)
        {
            parent::__construct($store);
        }

        public function increment($key, $value = 1)
        {
            return $this->store->increment($this->itemKey($key), $value);
        }

        public function putMany(array $values, $seconds)
        {
            $keys = array_map($this->itemKey(...), array_keys($values));

            return $this->store->putMany(array_combine($keys, $values), $seconds);
        }

        public function flush()
        {
            $this->tags->reset();

            return true;
        }

        public function taggedItemKey($key)
        {
            return sha1($this->tags->getNamespace()) . ':' . $key;
        }

        protected function itemKey($key)
        {
            return $this->taggedItemKey($key);
        }
    }
}

namespace Illuminate\Support {
    abstract class ServiceProvider
    {
        public function __construct(protected $app) {}

        protected function callAfterResolving($name, $callback)
        {
            $callback($this->app[$name], $this->app);
        }
    }
}
