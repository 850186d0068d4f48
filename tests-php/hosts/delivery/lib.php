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

/**
 * Starts `pillion serve` with the settings of the sandbox, as the user of PHP.
 *
 * @return string its address
 */
function pillion_serve(Sandbox $sandbox, ?string $user = null, ?string $address = null, ?Process &$server = null): string
{
    $sandbox->velox();
    $program = $sandbox->directory . '/pillion';
    copy((string) getenv('PILLION_BIN'), $program);
    chmod($program, 0o755);
    $user === null || $sandbox->giveTo($user);
    $prefix = $user === null ? [] : ['setpriv', "--reuid={$user}", "--regid={$user}", '--clear-groups', '--'];
    $address ??= '127.0.0.1:' . free_port();
    $settings = [];
    foreach ($sandbox->settings() as $name => $value) {
        array_push($settings, '-d', "{$name}={$value}");
    }
    $server = $sandbox->start('pillion serve', [...$prefix, $program, 'serve', '--listen', $address, ...$settings]);
    str_starts_with((string) $server->line(), 'listening on ') || fail('pillion serve has not started: ' . $server->errors());

    return $address;
}

/** No worker serves a request, but for the one that answers this. */
function all_workers_are_free(string $server): void
{
    $workers = json_decode(ask("{$server}/status")['body'], true)['workers'];
    $busy = array_filter($workers, static fn (array $worker): bool => $worker['busy'] !== null);
    is_true(count($busy) <= 1, 'busy workers: ' . show($busy));
}

/** Many clients wait for one build, and the workers of PHP answer other requests meanwhile. */
function no_worker_is_held(Sandbox $sandbox, string $server, int $clients): void
{
    $velox = $sandbox->velox();
    $velox->script(['behaviours' => [['times' => 1, 'until_released' => 'all wait']]]);
    $seen = 0;
    $answers = Http::many(array_fill(0, $clients, "{$server}/respond?name=slow"), $clients, 60, static function () use ($velox, $server, $clients, &$seen): void {
        if ($seen === 0 && $velox->counter('in_flight') === 1 && responses(ask("{$server}/metrics")['body'], 'accel') === $clients) {
            for (; $seen < 10; $seen++) {
                same('hello', ask("{$server}/hello")['body'], 'a worker is free');
            }
            all_workers_are_free($server);
            $velox->release('all wait');
        }
    });
    same([200], array_values(array_unique(array_column($answers, 'status'))));
    same(1, count(array_unique(array_column($answers, 'body'))), 'different answers');
    same([10, 1], [$seen, $velox->counter('builds_started')]);
    same(0, responses(ask("{$server}/metrics")['body'], 'stream'), 'held workers');

    $miss = ask("{$server}/respond?name=miss&id=123e4567-e89b-42d3-a456-426614174000", method: 'POST', body: '{"as":"clients of the plugin"}');
    same([200, 'MISS', '123e4567-e89b-42d3-a456-426614174000', 'application/octet-stream', 'attachment; filename="roadrunner-linux-amd64"'], [
        $miss['status'],
        ...array_map(static fn (string $name): ?string => $miss['headers'][$name] ?? null, ['x-cache-status', 'x-build-request-id', 'content-type', 'content-disposition']),
    ], show($miss['headers']));
    is_true((bool) preg_match('/^\d+\.\d$/', $miss['headers']['x-build-time'] ?? ''), show($miss['headers']));
    $velox->script(['behaviours' => [['times' => 9, 'answer' => ['kind' => 'error', 'message' => 'building plugins: no such tag']]]]);
    $failed = ask("{$server}/respond?name=failing");
    same([502, 'build_failed'], [$failed['status'], json_decode($failed['body'], true)['error'] ?? null]);
}

/** Responses with the header of the Velox plugin are replaced; all others pass as they are. */
function header_is_taken_over(string $server, string $path): void
{
    $expected = file_get_contents($path);
    foreach (['intercepted', 'buffered', 'taken', 'encoded', 'intercepted'] as $way) {
        $answer = ask("{$server}/{$way}");
        same([200, true, 'HIT'], [$answer['status'], $answer['body'] === $expected, $answer['headers']['x-cache-status'] ?? null], $way . show($answer['headers']));
        is_true(!isset($answer['headers']['x-velox-build']), 'the header stays inside');
        is_true(!isset($answer['headers']['content-encoding']), "{$way}: the binary is not compressed");
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

/** An application of the Velox plugin: its client gets the binary with one request, also where it has to be built. */
function plugin_application_is_served(Sandbox $sandbox, string $server): void
{
    $velox = $sandbox->velox();
    foreach (['psr7' => 'v5.2.7', 'symfony' => 'v5.3.0'] as $as => $tag) {
        $order = json_encode(['plugins' => [$tag], 'target_os' => 'linux', 'target_arch' => 'arm64']);
        foreach (['MISS', 'HIT'] as $cache) {
            $answer = ask("{$server}/plugin?as={$as}", ['Content-Type: application/json'], 'POST', $order);
            // A redirected client repeats the request as GET.
            $answer = $answer['status'] === 303 ? ask($answer['headers']['location']) : $answer;
            same([200, $cache, 'attachment; filename="roadrunner-linux-arm64"', '123e4567-e89b-42d3-a456-426614174000', 'application/octet-stream'], [
                $answer['status'],
                ...array_map(static fn (string $name): ?string => $answer['headers'][$name] ?? null, ['x-cache-status', 'content-disposition', 'x-build-request-id', 'content-type']),
            ], "{$as}: " . show($answer['headers']) . substr($answer['body'], 0, 300));
            is_true(!isset($answer['headers']['x-velox-build']), 'the header stays inside');
            $binary ??= $answer['body'];
            same(true, $answer['body'] === $binary, "{$as}: one binary");
        }
        $binary = null;
    }
    same(2, $velox->counter('builds_started'), 'builds');
    $invalid = ask("{$server}/plugin", ['Content-Type: application/json'], 'POST', '{"plugins":[""]}');
    same([400, 'invalid_request'], [$invalid['status'], json_decode($invalid['body'], true)['error'] ?? null]);
}

/**
 * Headers, path and query of a client's request select no other file than the binary.
 *
 * @param list<string> $internal paths of the front server that only PHP may use
 */
function clients_choose_no_file(Sandbox $sandbox, string $server, array $internal): void
{
    $path = json_decode(ask("{$server}/build")['body'], true)['path'];
    $binary = file_get_contents($path);
    $secret = file_get_contents($sandbox->setting('state_dir') . '/secret');
    // A symbolic link beside the binaries.
    symlink($sandbox->setting('state_dir') . '/secret', dirname($path) . '/link');
    $inside = substr(dirname($path), strlen(cache_of($sandbox)));
    $leaks = static fn (array $answer): bool => str_contains($answer['body'], $secret) || str_contains($answer['body'], 'root:x:') || str_contains($answer['body'], '"entries"') || $answer['body'] === $binary;
    foreach ($internal as $location) {
        foreach ([
            '', 'index.json', 'link', '../secret', '%2e%2e/secret', '..%2fsecret', '%2e%2e%2fsecret', '..%5csecret', '%252e%252e%252fsecret',
            '../../../../../../../../etc/passwd', '/etc/passwd', '%2fetc%2fpasswd', './/../secret', '.;/secret', 'index.json%00', "{$inside}/link",
            "{$inside}/" . basename($path), $inside . '/..' . $inside . '/' . basename($path),
        ] as $name) {
            $answer = ask_as_is("{$server}{$location}{$name}");
            is_true($answer['status'] >= 400 && !$leaks($answer), "{$location}{$name}: {$answer['status']} " . substr($answer['body'], 0, 100));
        }
    }
    foreach ([
        "X-Accel-Redirect: {$path}", 'X-Accel-Redirect: /_artifacts/../secret', 'X-Accel-Redirect: /_artifacts/index.json', 'X-Sendfile: /etc/passwd', "X-Sendfile: {$sandbox->setting('state_dir')}/secret",
        'X-Sendfile-Type: X-Accel-Redirect', 'X-Sendfile-Type: X-Sendfile', 'X-Accel-Mapping: /=/_artifacts/../', 'X-Accel-Mapping: ' . cache_of($sandbox) . '=/etc', 'X-Velox-Build: true', 'X-Accel-Buffering: no', 'X-Original-URL: /_artifacts/index.json',
    ] as $header) {
        same('hello', ask("{$server}/hello", [$header])['body'], $header);
        $answer = ask("{$server}/respond", [$header, 'X-Sendfile-Type: x-accel-redirect', 'X-Sendfile-Type: X-Sendfile']);
        same([200, true], [$answer['status'], $answer['body'] === $binary], $header . show($answer['headers']));
        same([], array_intersect(['x-sendfile', 'x-accel-redirect', 'x-accel-mapping'], array_keys($answer['headers'])), $header);
    }
    // The client's part of the request names a configuration, never a file.
    foreach (['../secret', '/etc/passwd', basename($path), 'index.json'] as $name) {
        $answer = ask("{$server}/respond?name=" . rawurlencode($name));
        is_true(!$leaks($answer), "name={$name}: {$answer['status']}");
    }
    // The binary itself, replaced by a link, is not sent.
    rename($path, "{$path}.away");
    symlink($sandbox->setting('state_dir') . '/secret', $path);
    $answer = ask("{$server}/respond");
    is_true(!str_contains($answer['body'], $secret), "a link in the place of a binary: {$answer['status']} " . show($answer['headers']));
}

/** Asks for a path exactly as it is written, without the client's own normalisation. */
function ask_as_is(string $url): array
{
    ['host' => $host, 'port' => $port] = parse_url(substr($url, 0, strpos($url, '/', 8) ?: strlen($url)));
    $socket = stream_socket_client("tcp://{$host}:{$port}", timeout: 10);
    stream_set_timeout($socket, 20);
    fwrite($socket, 'GET ' . substr($url, strlen("http://{$host}:{$port}")) . " HTTP/1.0\r\nHost: {$host}\r\n\r\n");
    [$head, $body] = explode("\r\n\r\n", (string) stream_get_contents($socket), 2) + ['', ''];

    return ['status' => (int) substr($head, 9, 3), 'headers' => [], 'body' => $body];
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
