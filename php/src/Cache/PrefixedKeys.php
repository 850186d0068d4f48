<?php

/*
 * Keys of an adapter in the extension's cache: a prefix, then the key of the application. The result is kept for each
 * key: a kept key is valid, and PHP has already computed its hash.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Cache;

use Pillion\Exception;

use function Pillion\Cache\clear as clear_all;
use function Pillion\Cache\delete_matching;
use function Pillion\Cache\delete_multiple;

/**
 * @internal
 */
trait PrefixedKeys
{
    private string $prefix;

    /** @var array<array-key, string> keys of the extension's cache by keys that were valid */
    private array $ids = [];

    /**
     * The key in the extension's cache, checked by the rules of the PSRs. Callers look into `$ids` first.
     */
    private function id(string $key): string
    {
        if ($key === '') {
            throw self::invalid('a key is empty');
        }
        if (\strpbrk($key, '{}()/\@:') !== false) {
            throw self::invalid("the key '{$key}' has one of the reserved characters {}()/\\@:");
        }
        if (\strlen($key) + \strlen($this->prefix) > 65536) {
            throw self::invalid('a key has more than 65536 bytes');
        }

        return $this->keepId($key);
    }

    private function keepId(string|int $key): string
    {
        $id = $this->prefix . $key;
        if (\strlen($id) > 250) {
            return $id;
        }
        if (\count($this->ids) >= 1000) {
            $this->ids = [];
        }

        return $this->ids[$key] = $id;
    }

    /**
     * The same for an element of several keys, which has no declared type.
     */
    private function idOf(mixed $key): string
    {
        if (!\is_string($key)) {
            throw self::invalid('a key is of type ' . \get_debug_type($key) . ', not string');
        }

        return $this->ids[$key] ?? $this->id($key);
    }

    /**
     * Removes all values with keys that begin with this; without one, all values of the extension's cache.
     */
    private static function clearPrefix(string $prefix): bool
    {
        if ($prefix === '') {
            return clear_all();
        }
        try {
            delete_matching(\addcslashes($prefix, '*?\\') . '*')->wait();
        } catch (Exception) {
            // No background work now.
            return false;
        }

        // False: the cache is not available.
        return delete_multiple([]);
    }

    private static function requireExtension(): void
    {
        if (!\function_exists('Pillion\Cache\get')) {
            throw new \LogicException(self::class . ' needs the PHP extension pillion, which is not loaded');
        }
    }

    abstract private static function invalid(string $message): \Throwable;
}
