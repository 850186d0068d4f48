<?php

/*
 * The SDK's serializer, with data that it can't encode replaced before: `json_encode()` encodes INF and NAN as 0, and
 * fails for data that is too deep and for objects that throw, which would lose the event.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Sentry;

use DateTimeInterface;
use JsonSerializable;
use Sentry\Event;
use Sentry\Serializer\PayloadSerializerInterface;
use Throwable;
use UnitEnum;

/**
 * @internal
 */
final class ContentSerializer implements PayloadSerializerInterface
{
    private const MOST_LEVELS = 32;

    private const MOST_ELEMENTS = 50_000;

    private const LONGEST_TEXT = 65_536;

    private int $elements = 0;

    public function __construct(private readonly PayloadSerializerInterface $serializer) {}

    public function serialize(Event $event): string
    {
        $this->tidy($event, false);
        try {
            return $this->serializer->serialize($event);
        } catch (Throwable) {
            $this->tidy($event, true);

            return $this->serializer->serialize($event);
        }
    }

    /**
     * @param bool $replacesObjects false: objects that `json_encode()` can encode stay
     */
    private function tidy(Event $event, bool $replacesObjects): void
    {
        $this->elements = self::MOST_ELEMENTS;
        $fit = fn (array $data): array => array_map(fn (mixed $value): mixed => $this->value($value, 1, $replacesObjects), $data);
        $event->setExtra($fit($event->getExtra()));
        $event->setRequest($fit($event->getRequest()));
        foreach ($event->getContexts() as $name => $context) {
            $event->setContext((string) $name, $fit($context));
        }
    }

    private function value(mixed $value, int $level, bool $replacesObjects): mixed
    {
        return match (true) {
            \is_float($value) => is_finite($value) ? $value : null,
            \is_string($value) => \strlen($value) > self::LONGEST_TEXT ? self::cut($value) : $value,
            \is_array($value) => $this->items($value, $level, $replacesObjects),
            \is_resource($value) => 'resource (' . get_resource_type($value) . ')',
            \is_object($value) && $replacesObjects => $this->object($value, $level),
            default => $value,
        };
    }

    /**
     * @param array<mixed> $items
     *
     * @return array<mixed>|string
     */
    private function items(array $items, int $level, bool $replacesObjects): array|string
    {
        if ($level >= self::MOST_LEVELS) {
            return '… (array of ' . \count($items) . ')';
        }
        $fit = [];
        foreach ($items as $key => $item) {
            if ($this->elements-- <= 0) {
                $fit['…'] = '… (' . (\count($items) - \count($fit)) . ' more)';
                break;
            }
            $fit[$key] = $this->value($item, $level + 1, $replacesObjects);
        }

        return $fit;
    }

    private function object(object $object, int $level): mixed
    {
        try {
            $value = match (true) {
                $object instanceof JsonSerializable => $object->jsonSerialize(),
                $object instanceof DateTimeInterface => $object->format('Y-m-d\TH:i:s.uP'),
                $object instanceof UnitEnum => $object->value ?? $object->name,
                default => $object::class,
            };
        } catch (Throwable) {
            return $object::class;
        }

        return \is_object($value) && $level >= self::MOST_LEVELS ? $object::class : $this->value($value, $level + 1, true);
    }

    /** Truncates at the boundary of a character. */
    private static function cut(string $text): string
    {
        return preg_replace('/[\xc0-\xff][\x80-\xbf]{0,2}$/D', '', substr($text, 0, self::LONGEST_TEXT)) . '… (' . \strlen($text) . ' bytes)';
    }
}
