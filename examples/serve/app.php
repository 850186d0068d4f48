<?php

declare(strict_types=1);

/**
 * An application that hands out a RoadRunner binary, the same file behind nginx with php-fpm, in FrankenPHP and in
 * RoadRunner. `/` is the binary, `/workers` shows all PHP workers of the host, `/hello` is a page that is always quick.
 */

use Pillion\Bridge\RoadRunner\Request;
use Pillion\Velox;
use Pillion\Worker;

// pillion/bridge, as Composer's autoloader finds it.
spl_autoload_register(static function (string $class): void {
    $file = dirname(__DIR__, 2) . '/php/src/' . strtr(substr($class, strlen('Pillion\\Bridge\\')), '\\', '/') . '.php';
    if (str_starts_with($class, 'Pillion\\Bridge\\') && is_file($file)) {
        require $file;
    }
});

$build = require __DIR__ . '/request.php';

Worker\loop(static function (?Request $request = null) use ($build): mixed {
    $path = $request?->path() ?? parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    if ($path === '/') {
        // In RoadRunner the handler returns the response; elsewhere PHP sends it.
        return $request === null ? Velox\respond($build) : Velox\response($build, [
            'method' => $request->method,
            'uri' => $request->uri,
            'headers' => $request->headers,
        ]);
    }
    [$status, $body] = match ($path) {
        '/hello' => [200, ['server' => Worker\mode(), 'pid' => getmypid()]],
        '/workers' => [200, Pillion\status()['workers']],
        default => [404, ['error' => 'not_found']],
    };
    $body = json_encode($body, JSON_THROW_ON_ERROR) . "\n";
    if ($request !== null) {
        return [$status, ['Content-Type' => 'application/json'], $body];
    }
    http_response_code($status);
    header('Content-Type: application/json');
    echo $body;

    return null;
});
