<?php

declare(strict_types=1);

/**
 * A FrankenPHP worker that starts builds of RoadRunner binaries and waits for none of them.
 *
 *     POST /builds          starts the build, and answers at once with its id (?rebuild=1: even if the cache has one)
 *     GET  /builds/{id}     its progress
 *     GET  /artifact        the binary, as soon as the cache has it
 *     GET  /                a page for people, which shows all builds of this machine
 *     GET  /status          the status of Pillion
 */

use Pillion\Velox;

$request = require __DIR__ . '/../request.php';

$handler = static function () use ($request): void {
    $path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    match (true) {
        $_SERVER['REQUEST_METHOD'] === 'POST' && $path === '/builds' => start($request),
        preg_match('~^/builds/([0-9a-f-]{36})$~', $path, $id) === 1 => answer(Velox\status($id[1])),
        $path === '/artifact' => answer(artifact($request)),
        $path === '/status' => answer(Pillion\status()),
        $path === '/' => page($request),
        default => answer(null),
    };
};

Pillion\Worker\loop($handler);

/** The future is dropped: the build belongs to the process, and any worker can read its progress. */
function start(array $request): void
{
    $id = uuid();
    $started = hrtime(true);
    Velox\build([...$request, 'request_id' => $id, 'force_rebuild' => isset($_GET['rebuild'])]);
    $microseconds = (hrtime(true) - $started) / 1000;

    header("Location: /builds/$id");
    answer(['id' => $id, 'microseconds' => round($microseconds, 1)], 202);
}

function artifact(array $request): ?array
{
    $artifact = Velox\find($request);
    if ($artifact === null) {
        return null;
    }
    $key = $artifact->key;
    $started = hrtime(true);
    for ($i = 0; $i < 10_000; $i++) {
        Velox\find($key);
    }

    return [...get_object_vars($artifact), 'nanoseconds' => intdiv(hrtime(true) - $started, 10_000)];
}

function page(array $request): void
{
    header('Content-Type: text/html; charset=utf-8');
    $known = Velox\find($request);
    echo '<!doctype html><meta http-equiv="refresh" content="1"><title>Builds</title><h1>Builds of this machine</h1><ul>';
    foreach (Velox\builds() as $build) {
        $last = htmlspecialchars((string) end($build['lines']));
        printf('<li>%s %s, %d s: <code>%s</code>', htmlspecialchars($build['rr_version']), $build['state'], $build['elapsed'], $last);
    }
    echo '</ul>', $known === null
        ? '<form method="post" action="/builds"><button>Build RoadRunner</button></form>'
        : sprintf('<p>In the cache: <code>%s</code>, %s bytes', htmlspecialchars($known->path), number_format($known->size));
}

function answer(?array $data, int $status = 200): void
{
    http_response_code($data === null ? 404 : $status);
    header('Content-Type: application/json');
    echo json_encode($data ?? ['error' => 'not_found'], JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES);
}

function uuid(): string
{
    $bytes = random_bytes(16);
    $bytes[6] = chr(ord($bytes[6]) & 0x0F | 0x40);
    $bytes[8] = chr(ord($bytes[8]) & 0x3F | 0x80);

    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
}
