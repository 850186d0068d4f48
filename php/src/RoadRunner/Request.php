<?php

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

/**
 * A request of RoadRunner's, for applications without PSR-7.
 *
 * @phpstan-type Uploads array<array-key, Upload|array<array-key, mixed>>
 */
final readonly class Request
{
    /**
     * @param string $uri complete: `http://example.com/path?query`
     * @param string $protocol `HTTP/1.1`
     * @param array<string, list<string>> $headers by their canonical names: `Content-Type`
     * @param array<string, string> $cookies decoded
     * @param array<array-key, mixed> $query
     * @param array<array-key, mixed>|null $parsedBody the fields of a form; null: the body is not a form
     * @param Uploads $uploads in the shape of the form's field names
     * @param array<string, list<string>> $attributes attributes set by RoadRunner's middleware
     * @param string $body unparsed; empty for a form, which RoadRunner has parsed (unless `http.raw_body` is on)
     */
    public function __construct(
        public string $method,
        public string $uri,
        public string $protocol = 'HTTP/1.1',
        public string $remoteAddress = '',
        public array $headers = [],
        public array $cookies = [],
        public array $query = [],
        public ?array $parsedBody = null,
        public array $uploads = [],
        public array $attributes = [],
        public string $body = '',
    ) {
    }

    /** The path of the URI, which begins with a slash. */
    public function path(): string
    {
        $path = parse_url($this->uri, \PHP_URL_PATH);

        return is_string($path) && $path !== '' ? $path : '/';
    }

    /** A header, its lines joined with `, `; empty if absent. */
    public function header(string $name): string
    {
        foreach ($this->headers as $found => $lines) {
            if (strcasecmp($found, $name) === 0) {
                return implode(', ', $lines);
            }
        }

        return '';
    }

    /**
     * Creates a request from RoadRunner's `http.v1.Request` and the body that follows it.
     *
     * @throws WireException the message is invalid
     *
     * @internal
     */
    public static function fromMessage(string $message, string $body): self
    {
        $fields = Message::decode($message);
        $text = static fn (int $field): string => (string) ($fields[$field][0] ?? '');
        parse_str($text(7), $query);
        $isParsed = ($fields[8][0] ?? 0) !== 0;
        $first = static fn (array $lines): string => (string) ($lines[0] ?? '');

        return new self(
            method: $text(3),
            uri: $text(4),
            protocol: $text(2),
            remoteAddress: $text(1),
            headers: Message::toLists($fields[5] ?? []),
            cookies: array_map($first, Message::toLists($fields[6] ?? [])),
            query: $query,
            parsedBody: $isParsed ? self::json($body) : null,
            uploads: self::uploads(self::json($text(9))),
            attributes: Message::toLists($fields[10] ?? []),
            body: $isParsed ? '' : $body,
        );
    }

    /** @return array<array-key, mixed> */
    private static function json(string $text): array
    {
        $decoded = $text === '' ? [] : json_decode($text, true);

        return is_array($decoded) ? $decoded : [];
    }

    /**
     * @param array<array-key, mixed> $tree
     *
     * @return Uploads
     */
    private static function uploads(array $tree): array
    {
        $uploads = [];
        foreach (array_filter($tree, is_array(...)) as $key => $node) {
            // A field of the form may be named `name` too: then its value is an array, not a string.
            $uploads[$key] = is_string($node['name'] ?? null) && is_int($node['error'] ?? null)
                ? self::upload($node)
                : self::uploads($node);
        }

        return $uploads;
    }

    /** @param array<array-key, mixed> $file */
    private static function upload(array $file): Upload
    {
        $text = static fn (string $key): string => is_string($file[$key] ?? null) ? $file[$key] : '';
        $number = static fn (string $key): int => is_int($file[$key] ?? null) ? $file[$key] : 0;

        return new Upload($text('name'), $text('mime'), $number('size'), $number('error'), $text('tmpName'));
    }
}
