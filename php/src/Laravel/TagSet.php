<?php

/*
 * The tags of a tagged cache. The first eight are the extension's; the ids of further ones, as Laravel stores them, are
 * part of the keys.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Laravel;

use Illuminate\Cache\TagSet as BaseTagSet;

use function Pillion\Cache\invalidate_tags;

/**
 * @internal
 */
final class TagSet extends BaseTagSet
{
    private const MAX_NATIVE_TAGS = 8;

    /**
     * @return list<string>
     */
    public function native(): array
    {
        return \array_map($this->nativeTag(...), \array_slice($this->names, 0, self::MAX_NATIVE_TAGS));
    }

    public function resetTag($name)
    {
        invalidate_tags([$this->nativeTag($name)]);

        return parent::resetTag($name);
    }

    public function flushTag($name)
    {
        invalidate_tags([$this->nativeTag($name)]);

        return parent::flushTag($name);
    }

    /**
     * Whether a flush changes the keys: not if all tags are the extension's.
     */
    public function hasChangingNamespace(): bool
    {
        return \count($this->names) > self::MAX_NATIVE_TAGS;
    }

    public function getNamespace()
    {
        $native = \array_slice($this->names, 0, self::MAX_NATIVE_TAGS);
        $further = \array_map($this->tagId(...), \array_slice($this->names, self::MAX_NATIVE_TAGS));

        return \implode('|', [...$native, ...$further]);
    }

    private function nativeTag(string $name): string
    {
        return $this->store->getPrefix() . $name;
    }
}
