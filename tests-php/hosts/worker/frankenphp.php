<?php

// FrankenPHP's worker script in the tests of worker mode.

declare(strict_types=1);

require __DIR__ . '/endings.php';
require __DIR__ . '/../../phpt/worker/sentry/contexts.inc';

$endings = new Endings();
$handler = static function () use ($endings): void {
    $endings->serve(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH));
};
while (frankenphp_handle_request($handler));
