<?php

declare(strict_types=1);

require dirname(__DIR__) . '/App.php';

$app = new App();

// A thousand requests, then FrankenPHP runs this script anew.
Pillion\Worker\loop(static function () use ($app): void {
    [$status, $headers, $body] = $app->handle(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), $_COOKIE);
    http_response_code($status);
    foreach ($headers as $name => $value) {
        header("{$name}: {$value}");
    }
    echo $body;
}, maxRequests: 1000);
