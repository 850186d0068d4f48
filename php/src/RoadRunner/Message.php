<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/**
 * Protocol Buffers, as far as RoadRunner's HTTP messages need them: github.com/roadrunner-server/api,
 * http/v1/http.proto. Fields that are not known are skipped.
 *
 * @internal
 */
final class Message
{
    private const VARINT = 0;
    private const FIXED64 = 1;
    private const BYTES = 2;
    private const FIXED32 = 5;

    /**
     * The values of each field, by the number of the field.
     *
     * @return array<int, list<int|string>>
     *
     * @throws WireException the bytes are truncated, or no message
     */
    public static function decode(string $message): array
    {
        $fields = [];
        for ($at = 0, $end = strlen($message); $at < $end;) {
            $tag = self::varint($message, $at);
            $length = match ($tag & 7) {
                self::VARINT => 0,
                self::FIXED64 => 8,
                self::BYTES => self::varint($message, $at),
                self::FIXED32 => 4,
                default => throw new WireException('RoadRunner has sent a message of an unknown kind'),
            };
            if ($length < 0 || $length > $end - $at) {
                throw new WireException('RoadRunner has sent half a message');
            }
            $fields[$tag >> 3][] = ($tag & 7) === self::VARINT ? self::varint($message, $at) : substr($message, $at, $length);
            $at += $length;
        }

        return $fields;
    }

    /** A numeric field. */
    public static function number(int $field, int $value): string
    {
        return self::encode($field << 3 | self::VARINT) . self::encode($value);
    }

    /** A field with text, or with another message. */
    public static function bytes(int $field, string $value): string
    {
        return self::encode($field << 3 | self::BYTES) . self::encode(strlen($value)) . $value;
    }

    /**
     * Encodes a map from names to lists.
     *
     * @param iterable<int|string, list<string>> $map
     */
    public static function lists(int $field, iterable $map): string
    {
        $message = '';
        foreach ($map as $name => $values) {
            $list = '';
            foreach ($values as $value) {
                $list .= self::bytes(1, $value);
            }
            $message .= self::bytes($field, self::bytes(1, (string) $name) . self::bytes(2, $list));
        }

        return $message;
    }

    /**
     * Decodes a map from names to lists.
     *
     * @param list<int|string> $entries
     *
     * @return array<string, list<string>>
     */
    public static function toLists(array $entries): array
    {
        $map = [];
        foreach ($entries as $entry) {
            $pair = self::decode((string) $entry);
            $values = self::decode((string) ($pair[2][0] ?? ''))[1] ?? [];
            $map[(string) ($pair[1][0] ?? '')] = array_map(strval(...), $values);
        }

        return $map;
    }

    private static function varint(string $message, int &$at): int
    {
        for ($value = $shift = 0; $shift < 64; $shift += 7) {
            if (!isset($message[$at])) {
                throw new WireException('RoadRunner has sent half a message');
            }
            $byte = ord($message[$at++]);
            $value |= ($byte & 0x7f) << $shift;
            if ($byte < 0x80) {
                return $value;
            }
        }

        throw new WireException('RoadRunner has sent a number that is too long');
    }

    private static function encode(int $value): string
    {
        for ($bytes = ''; $value > 0x7f; $value >>= 7) {
            $bytes .= chr($value & 0x7f | 0x80);
        }

        return $bytes . chr($value);
    }
}
