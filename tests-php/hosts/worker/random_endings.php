<?php

// FrankenPHP's worker script for very many requests.

declare(strict_types=1);

require __DIR__ . '/endings.php';

$endings = new Endings(counts: true);
$handler = static function () use ($endings): void {
    $endings->serve(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
};
while (frankenphp_handle_request($handler));
