<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/**
 * A response, for applications without PSR-7. Handlers may return other values too: {@see from()}.
 */
final readonly class Response
{
    private const CHUNK = 1 << 16;

    /** @var array<string, list<string>> */
    public array $headers;

    /**
     * @param array<string, string|int|float|list<string|int|float>> $headers
     * @param string|iterable<mixed>|resource $body a generator or a stream is sent in chunks
     *
     * @throws \InvalidArgumentException the status or a header can't be sent
     */
    public function __construct(public int $status = 200, array $headers = [], public mixed $body = '')
    {
        if ($status < 200 || $status > 599) {
            throw new \InvalidArgumentException("The status of a response is a number from 200 to 599, not {$status}");
        }
        if (!is_string($body) && !is_iterable($body) && !is_resource($body)) {
            throw new \InvalidArgumentException('The body of a response is text, an iterable or a stream, not ' . get_debug_type($body));
        }
        $this->headers = self::checked($headers);
    }

    /**
     * Creates a response from the result of a handler: a response; a PSR-7 response; `[status, headers, body]`, also
     * with these names as keys; a string, which is HTML; or null.
     *
     * @throws \InvalidArgumentException any other value
     */
    public static function from(mixed $given): self
    {
        return match (true) {
            $given instanceof self => $given,
            $given === null => new self(),
            is_string($given), $given instanceof \Stringable && !method_exists($given, 'getStatusCode')
                => new self(200, ['Content-Type' => 'text/html; charset=UTF-8'], (string) $given),
            is_array($given) => self::fromArray($given),
            is_object($given) && method_exists($given, 'getStatusCode') && method_exists($given, 'getHeaders') && method_exists($given, 'getBody')
                // PSR-7's ResponseInterface, which need not be installed.
                => new self($given->getStatusCode(), $given->getHeaders(), self::pieces($given->getBody())),
            default => throw new \InvalidArgumentException('A handler gives a response, an array of status, headers and body, or text, not ' . get_debug_type($given)),
        };
    }

    /**
     * The chunks of the body.
     *
     * @return iterable<string>
     */
    public function chunks(): iterable
    {
        if (is_string($this->body)) {
            return [$this->body];
        }

        return is_iterable($this->body) ? self::texts($this->body) : self::read($this->body);
    }

    /** Whether HTTP forbids a body with this status. */
    public function isWithoutBody(): bool
    {
        return in_array($this->status, [204, 304], true);
    }

    /** @param array<array-key, mixed> $given */
    private static function fromArray(array $given): self
    {
        $unknown = array_diff(array_keys($given), array_is_list($given) ? [0, 1, 2] : ['status', 'headers', 'body']);
        $status = $given['status'] ?? $given[0] ?? 200;
        $headers = $given['headers'] ?? $given[1] ?? [];
        if ($unknown !== [] || !is_int($status) || !is_array($headers)) {
            throw new \InvalidArgumentException('An array that a handler gives is [int status, array headers, body], or has the keys status, headers and body');
        }

        return new self($status, $headers, $given['body'] ?? $given[2] ?? '');
    }

    /**
     * @param array<array-key, mixed> $headers
     *
     * @return array<string, list<string>>
     */
    private static function checked(array $headers): array
    {
        $checked = [];
        foreach ($headers as $name => $lines) {
            if (preg_match('/^[!#$%&\'*+.^_`|~0-9A-Za-z-]+$/D', (string) $name) !== 1) {
                throw new \InvalidArgumentException("'{$name}' is no name of a header");
            }
            foreach (is_array($lines) ? $lines : [$lines] as $line) {
                if (!is_scalar($line) || strpbrk((string) $line, "\r\n\0") !== false) {
                    throw new \InvalidArgumentException("The header {$name} has a value that is no single line of text");
                }
                $checked[(string) $name][] = (string) $line;
            }
        }

        return $checked;
    }

    /**
     * @param iterable<mixed> $pieces
     *
     * @return iterable<string>
     */
    private static function texts(iterable $pieces): iterable
    {
        foreach ($pieces as $piece) {
            if (!is_scalar($piece) && !$piece instanceof \Stringable) {
                throw new \InvalidArgumentException('A piece of a body is text, not ' . get_debug_type($piece));
            }
            yield (string) $piece;
        }
    }

    /**
     * @param resource $stream
     *
     * @return iterable<string>
     */
    private static function read(mixed $stream): iterable
    {
        try {
            while (!feof($stream) && ($piece = fread($stream, self::CHUNK)) !== false) {
                yield $piece;
            }
        } finally {
            fclose($stream);
        }
    }

    /**
     * The body of a PSR-7 stream: as one string if it is small.
     *
     * @return string|iterable<mixed>
     */
    private static function pieces(mixed $body): string|iterable
    {
        if (!is_object($body) || !method_exists($body, 'getSize') || !method_exists($body, 'eof') || !method_exists($body, 'read')) {
            return $body instanceof \Stringable || is_scalar($body) ? (string) $body : '';
        }
        $size = $body->getSize();
        if (is_int($size) && $size <= 16 * self::CHUNK && $body instanceof \Stringable) {
            return (string) $body;
        }
        if (method_exists($body, 'isSeekable') && method_exists($body, 'rewind') && $body->isSeekable()) {
            $body->rewind();
        }

        return (static function () use ($body): iterable {
            while (!$body->eof()) {
                yield $body->read(self::CHUNK);
            }
        })();
    }
}
