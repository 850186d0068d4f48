<?php

/*
 * Items of a pool that are stored later: by `commit()`, or before they are read.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Cache;

use Psr\Cache\CacheItemInterface;

use function Pillion\Cache\delete_multiple;

/**
 * For a class with {@see PrefixedKeys} and a method `store()` of one item.
 *
 * @internal
 */
trait DeferredItems
{
    /** @var array<array-key, CacheItemInterface> */
    private array $deferred = [];

    /**
     * @param array<string> $keys
     */
    public function deleteItems(array $keys): bool
    {
        $ids = \array_map($this->idOf(...), $keys);
        foreach ($this->deferred ? $keys : [] as $key) {
            unset($this->deferred[$key]);
        }

        return delete_multiple($ids);
    }

    public function commit(): bool
    {
        $deferred = $this->deferred;
        $this->deferred = [];
        $isDone = true;
        foreach ($deferred as $item) {
            $isDone = $this->store($item) && $isDone;
        }

        return $isDone;
    }
}
