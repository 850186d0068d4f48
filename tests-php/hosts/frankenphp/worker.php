<?php

// The worker script of FrankenPHP; program.php stands before it.

declare(strict_types=1);

require __DIR__ . '/../application.php';

$application = new Application();
$handler = static function () use ($application): void {
    $answer = $application->answer(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), $_GET);
    header('Content-Type: application/json');
    echo $answer;
};

while (frankenphp_handle_request($handler)) {
    gc_collect_cycles();
}
