<?php

// For the tests of this directory: a client that sees headers, and the configurations that the guide prints.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

const GUIDE = __DIR__ . '/../../../docs/guides/delivery.md';

/**
 * Asks once, without following a redirection.
 *
 * @param list<string> $headers
 * @return array{status: int, headers: array<string, string>, body: string}
 */
function ask(string $url, array $headers = [], string $method = 'GET', ?string $body = null): array
{
    $received = [];
    $handle = curl_init($url);
    curl_setopt_array($handle, [
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_HTTPHEADER => $headers,
        CURLOPT_TIMEOUT => 30,
        CURLOPT_PROXY => '',
        CURLOPT_NOBODY => $method === 'HEAD',
        CURLOPT_HEADERFUNCTION => static function ($handle, string $line) use (&$received): int {
            $parts = explode(':', $line, 2);
            $name = strtolower($parts[0]);
            if (isset($parts[1])) {
                $received[$name] = isset($received[$name]) ? "{$received[$name]}, " . trim($parts[1]) : trim($parts[1]);
            }

            return strlen($line);
        },
    ]);
    $method === 'HEAD' || curl_setopt($handle, CURLOPT_CUSTOMREQUEST, $method);
    $body === null || curl_setopt($handle, CURLOPT_POSTFIELDS, $body);
    $answer = curl_exec($handle);
    $answer === false && fail("{$method} {$url}: " . curl_error($handle));

    return ['status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE), 'headers' => $received, 'body' => (string) $answer];
}

/** A block of the guide in this language, under this heading. */
function block(string $language, string $heading): string
{
    $section = explode("\n## ", explode("\n## {$heading}\n", (string) file_get_contents(GUIDE), 2)[1] ?? '', 2)[0];
    preg_match("/```{$language}\n(.*?)```/s", $section, $found) || fail("{$heading}: no block of {$language}");

    return $found[1];
}

/** Responses with the header of the Velox plugin are replaced; all others pass as they are. */
function header_is_taken_over(string $server, string $path): void
{
    $expected = file_get_contents($path);
    foreach (['intercepted', 'buffered', 'intercepted'] as $way) {
        $answer = ask("{$server}/{$way}");
        same([200, true, 'HIT'], [$answer['status'], $answer['body'] === $expected, $answer['headers']['x-cache-status'] ?? null], $way . show($answer['headers']));
        is_true(!isset($answer['headers']['x-velox-build']), 'the header stays inside');
        same('application/octet-stream', $answer['headers']['content-type']);
    }
    $broken = ask("{$server}/broken");
    same([400, 'invalid_request'], [$broken['status'], json_decode($broken['body'], true)['error']]);
    foreach (['removed' => 200, 'value' => 200, 'status' => 500] as $how => $status) {
        $answer = ask("{$server}/untouched?how={$how}");
        same([$status, 'untouched'], [$answer['status'], $answer['body']], $how);
    }
    same('hello', ask("{$server}/hello")['body']);
    same([200, ''], [($head = ask("{$server}/intercepted", method: 'HEAD'))['status'], $head['body']]);
}

/** A response without the header is not buffered: its first part arrives before the script goes on. */
function other_responses_stream(string $server, string $signal): void
{
    $client = fopen("{$server}/streamed?until=" . rawurlencode($signal), 'r', context: stream_context_create(['http' => ['timeout' => 20]]));
    same('first', fread($client, 5));
    touch($signal);
    same('second', stream_get_contents($client));
}

/** The directory of the cache. */
function cache_of(Sandbox $sandbox): string
{
    return $sandbox->setting('state_dir') . '/.rr-cache/velox-binaries';
}

/** How many responses of a method the metrics have. */
function responses(string $page, string $method): int
{
    preg_match("/^pillion_delivery_responses_total\{method=\"{$method}\"\} (\d+)/m", $page, $found);

    return (int) ($found[1] ?? 0);
}
