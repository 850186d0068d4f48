<?php

// The worker script of FrankenPHP; program.php is loaded before it.

declare(strict_types=1);

require __DIR__ . '/../application.php';

// While FrankenPHP reloads its configuration, it has no workers for some milliseconds, and runs the script for one
// request on a regular thread.
if (!isset($_SERVER['FRANKENPHP_WORKER'])) {
    http_response_code(503);
    exit('not in worker mode');
}

$application = new Application();
$handler = static function () use ($application): void {
    $answer = $application->answer(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), $_GET);
    header('Content-Type: application/json');
    echo $answer;
};

while (frankenphp_handle_request($handler)) {
    gc_collect_cycles();
}
