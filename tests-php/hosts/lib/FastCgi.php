<?php

// A FastCGI client for php-fpm, many requests at a time. A connection serves one request.

declare(strict_types=1);

namespace Pillion\Tests;

use Closure;

final class FastCgi
{
    private const BEGIN = 1;
    private const END = 3;
    private const PARAMS = 4;
    private const STDIN = 5;
    private const STDOUT = 6;

    /**
     * Sends all requests, up to $atOnce at a time; the answers have the keys of the requests.
     *
     * @param list<array<string, string>|array<int|string, mixed>> $requests CGI parameters
     * @param ?Closure(): void $meanwhile called repeatedly until all are answered
     * @return array<array{status: int, body: string, error: string}> status 0: no answer; the error has the reason
     */
    public static function many(string $socket, array $requests, int $atOnce, float $seconds = 30.0, ?Closure $meanwhile = null): array
    {
        $waiting = array_keys($requests);
        $answers = $running = [];
        while ($waiting !== [] || $running !== []) {
            while ($waiting !== [] && count($running) < $atOnce) {
                $key = array_shift($waiting);
                $running[$key] = self::begin($socket, $requests[$key], microtime(true) + $seconds);
            }
            $read = array_filter(array_column($running, 'stream'));
            $none = null;
            $read === [] || @stream_select($read, $none, $none, 0, 50_000);
            foreach ($running as $key => &$request) {
                if ($request['stream'] && in_array($request['stream'], $read, true)) {
                    $bytes = fread($request['stream'], 1 << 16);
                    $request['received'] .= $bytes;
                    if ($bytes === '' || $bytes === false || self::isWhole($request['received'])) {
                        fclose($request['stream']);
                        $request['stream'] = null;
                    }
                }
                if ($request['stream'] === null) {
                    $answers[$key] = self::answer($request['received'], $request['error']);
                    unset($running[$key]);
                } elseif (microtime(true) > $request['deadline']) {
                    fclose($request['stream']);
                    $answers[$key] = ['status' => 0, 'body' => '', 'error' => 'no answer in time'];
                    unset($running[$key]);
                }
            }
            unset($request);
            $meanwhile === null || $meanwhile();
        }
        ksort($answers);

        return $answers;
    }

    /** @param array<string, string> $parameters */
    private static function begin(string $socket, array $parameters, float $deadline): array
    {
        $code = 0;
        $why = '';
        $stream = @stream_socket_client("unix://{$socket}", $code, $why, 5);
        if ($stream === false) {
            return ['stream' => null, 'received' => '', 'error' => $why, 'deadline' => $deadline];
        }
        $pairs = '';
        foreach ($parameters as $name => $value) {
            $pairs .= self::length($name) . self::length($value) . $name . $value;
        }
        $request = self::record(self::BEGIN, "\0\1\0\0\0\0\0\0") . self::record(self::PARAMS, $pairs)
            . self::record(self::PARAMS, '') . self::record(self::STDIN, '');
        // A server that ends closes connections that it has not accepted.
        if (@fwrite($stream, $request) === false) {
            return ['stream' => null, 'received' => '', 'error' => 'the connection was closed', 'deadline' => $deadline];
        }
        stream_set_blocking($stream, false);

        return ['stream' => $stream, 'received' => '', 'error' => 'the connection was closed', 'deadline' => $deadline];
    }

    private static function record(int $type, string $content): string
    {
        return pack('CCnnCC', 1, $type, 1, strlen($content), 0, 0) . $content;
    }

    private static function length(string $text): string
    {
        return strlen($text) < 128 ? chr(strlen($text)) : pack('N', strlen($text) | 1 << 31);
    }

    /** @return list<array{int, string}> the types and contents of whole records */
    private static function records(string $received): array
    {
        $records = [];
        for ($at = 0; $at + 8 <= strlen($received); $at += 8 + $length + $padding) {
            ['type' => $type, 'length' => $length, 'padding' => $padding] = unpack('Cversion/Ctype/nid/nlength/Cpadding', $received, $at);
            if ($at + 8 + $length > strlen($received)) {
                break;
            }
            $records[] = [$type, substr($received, $at + 8, $length)];
        }

        return $records;
    }

    private static function isWhole(string $received): bool
    {
        return in_array(self::END, array_column(self::records($received), 0), true);
    }

    /** @return array{status: int, body: string, error: string} */
    private static function answer(string $received, string $error): array
    {
        $output = '';
        foreach (self::records($received) as [$type, $content]) {
            $output .= $type === self::STDOUT ? $content : '';
        }
        if (!self::isWhole($received)) {
            return ['status' => 0, 'body' => $output, 'error' => $error];
        }
        [$head, $body] = explode("\r\n\r\n", $output, 2) + ['', ''];

        return ['status' => preg_match('/^Status: (\d+)/mi', $head, $found) ? (int) $found[1] : 200, 'body' => $body, 'error' => ''];
    }
}
