<?php

// An HTTP client that sends many requests at once.

declare(strict_types=1);

namespace Pillion\Tests;

use Closure;
use CurlHandle;

final class Http
{
    /** @return array{status: int, body: string, error: string} */
    public static function get(string $url, float $seconds = 30.0): array
    {
        return self::many([$url], 1, $seconds)[0];
    }

    /** @return array{status: int, body: string, error: string} */
    public static function post(string $url, string $body, string $type = 'application/json', float $seconds = 60.0): array
    {
        return self::many([[$url, $body, $type]], 1, $seconds)[0];
    }

    /**
     * Sends all requests, up to $atOnce at a time; the answers have the keys of the requests.
     *
     * @param array<string|array{string, string, string}> $urls
     * @param ?Closure(): void $meanwhile called repeatedly until all are answered
     * @return array<array{status: int, body: string, error: string}> status 0: no answer; the error has the reason
     */
    public static function many(array $urls, int $atOnce, float $seconds = 30.0, ?Closure $meanwhile = null): array
    {
        $multi = curl_multi_init();
        $waiting = array_keys($urls);
        $answers = $running = [];
        while ($waiting !== [] || $running !== []) {
            while ($waiting !== [] && count($running) < $atOnce) {
                $key = array_shift($waiting);
                $handle = self::handle($urls[$key], $seconds);
                curl_multi_add_handle($multi, $handle);
                $running[spl_object_id($handle)] = $key;
            }
            curl_multi_exec($multi, $active);
            while ($done = curl_multi_info_read($multi)) {
                $handle = $done['handle'];
                $answers[$running[spl_object_id($handle)]] = [
                    'status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE),
                    'body' => (string) curl_multi_getcontent($handle),
                    'error' => $done['result'] === CURLE_OK ? '' : (string) curl_strerror($done['result']),
                ];
                unset($running[spl_object_id($handle)]);
                curl_multi_remove_handle($multi, $handle);
            }
            $meanwhile === null || $meanwhile();
            $running === [] || curl_multi_select($multi, 0.05);
        }
        ksort($answers);

        return $answers;
    }

    /**
     * The decoded body of an answer that has to be good.
     *
     * @param array{status: int, body: string, error: string} $answer
     */
    public static function decode(array $answer): mixed
    {
        $answer['status'] === 200 || fail('a request was answered: ' . show($answer));

        return json_decode($answer['body'], true, flags: JSON_THROW_ON_ERROR);
    }

    /** @param string|array{string, string, string} $request */
    private static function handle(string|array $request, float $seconds): CurlHandle
    {
        [$url, $body, $type] = (array) $request + [1 => null, 2 => null];
        $handle = curl_init($url);
        curl_setopt_array($handle, [
            CURLOPT_RETURNTRANSFER => true,
            CURLOPT_TIMEOUT_MS => (int) ($seconds * 1000),
            CURLOPT_NOSIGNAL => true,
            CURLOPT_FRESH_CONNECT => true,
            CURLOPT_FORBID_REUSE => true,
            CURLOPT_PROXY => '',
        ]);
        if ($body !== null) {
            curl_setopt_array($handle, [CURLOPT_POSTFIELDS => $body, CURLOPT_HTTPHEADER => ["Content-Type: {$type}"]]);
        }

        return $handle;
    }
}
