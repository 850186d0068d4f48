<?php

// The PHP side of a RoadRunner worker, in plain PHP: HTTP requests come through standard input and answers go through
// standard output, in frames of Goridge (github.com/roadrunner-server/goridge, pkg/frame/frame.md) whose contexts are
// protobuf (github.com/roadrunner-server/api, proto/http/v1/http.proto).

declare(strict_types=1);

final class RoadRunnerWorker
{
    private const CONTROL = 0x01;
    private const ERROR = 0x40;
    private const PROTO = 0x80;

    /**
     * Serves requests until RoadRunner says stop.
     *
     * @param callable(array{method: string, uri: string, query: array<mixed>, body: string}): array{int, array<string, string>, string} $handler
     *        gives status, headers and body
     */
    public static function serve(callable $handler): void
    {
        // Standard output is the wire; what is echoed belongs into RoadRunner's log.
        ob_start(static function (string $text): string {
            fwrite(STDERR, $text);

            return '';
        }, 1);
        while ([$flags, $context, $body] = self::receive()) {
            if ($flags & self::CONTROL) {
                if (isset(json_decode($body, true)['stop'])) {
                    return;
                }
                self::send(self::CONTROL, json_encode(['pid' => getmypid()]));
                continue;
            }
            try {
                [$status, $headers, $text] = $handler(self::request($context) + ['body' => $body]);
                self::send(self::PROTO, self::response($status, $headers), $text);
            } catch (Throwable $thrown) {
                self::send(self::ERROR, '', (string) $thrown);
            }
        }
    }

    /** @return array{int, string, string}|null flags, context and body; null: RoadRunner has gone */
    private static function receive(): ?array
    {
        $head = self::read(12);
        if ($head === null) {
            return null;
        }
        ['size' => $size, 'flags' => $flags, 'length' => $length] = unpack('Csize/Cflags/Vlength', $head);
        $options = unpack('V*', (string) self::read((($size & 0x0f) - 3) * 4));
        $payload = (string) self::read($length);
        $context = $options[1] ?? 0;

        return [$flags, substr($payload, 0, $context), substr($payload, $context)];
    }

    private static function send(int $flags, string $context, string $body = ''): void
    {
        // A control frame has no option; an answer has one, the length of its context.
        $options = $flags & self::CONTROL ? '' : pack('V', strlen($context));
        $head = pack('CCV', 0x10 | 3 + strlen($options) / 4, $flags, strlen($context . $body));
        fwrite(STDOUT, $head . pack('V', crc32($head)) . "\0\0" . $options . $context . $body);
    }

    private static function read(int $length): ?string
    {
        $bytes = '';
        while (strlen($bytes) < $length) {
            $more = fread(STDIN, $length - strlen($bytes));
            if ($more === '' || $more === false) {
                return null;
            }
            $bytes .= $more;
        }

        return $bytes;
    }

    private static function request(string $context): array
    {
        $fields = self::fields($context);
        $query = [];
        parse_str($fields[7] ?? '', $query);

        return ['method' => $fields[3] ?? 'GET', 'uri' => $fields[4] ?? '/', 'query' => $query];
    }

    /** @return array<int, string|int> the last value of each field */
    private static function fields(string $message): array
    {
        $fields = [];
        for ($at = 0; $at < strlen($message);) {
            $tag = self::varint($message, $at);
            $value = self::varint($message, $at);
            if (($tag & 7) === 2) {
                $length = $value;
                $value = substr($message, $at, $length);
                $at += $length;
            }
            $fields[$tag >> 3] = $value;
        }

        return $fields;
    }

    /** @param array<string, string> $headers */
    private static function response(int $status, array $headers): string
    {
        $message = "\x08" . self::number($status);
        foreach ($headers as $name => $value) {
            $message .= self::field(2, self::field(1, $name) . self::field(2, self::field(1, $value)));
        }

        return $message;
    }

    private static function field(int $number, string $value): string
    {
        return chr($number << 3 | 2) . self::number(strlen($value)) . $value;
    }

    private static function number(int $value): string
    {
        $bytes = '';
        for (; $value > 0x7f; $value >>= 7) {
            $bytes .= chr($value & 0x7f | 0x80);
        }

        return $bytes . chr($value);
    }

    private static function varint(string $message, int &$at): int
    {
        $value = 0;
        for ($shift = 0; ; $shift += 7) {
            $byte = ord($message[$at++]);
            $value |= ($byte & 0x7f) << $shift;
            if ($byte < 0x80) {
                return $value;
            }
        }
    }
}
