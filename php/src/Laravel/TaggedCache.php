<?php

declare(strict_types=1);

namespace Pillion\Bridge\Laravel;

use Illuminate\Cache\TaggedCache as BaseTaggedCache;

/**
 * A tagged cache that computes the common part of its keys once.
 *
 * @internal
 */
final class TaggedCache extends BaseTaggedCache
{
    private ?string $keyPrefix = null;

    public function taggedItemKey($key)
    {
        if ($this->tags->hasChangingNamespace()) {
            return parent::taggedItemKey($key);
        }
        $this->keyPrefix ??= \sha1($this->tags->getNamespace()) . ':';

        return $this->keyPrefix . $key;
    }
}
