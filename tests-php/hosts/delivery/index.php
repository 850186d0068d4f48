<?php

// An application that hands out binaries, in the place of fpm/index.php: the path names how, and `name` the
// configuration. PHP's own server prepends no file to a router script.

declare(strict_types=1);

use Pillion\Velox;

require_once file_exists(__DIR__ . '/program.php') ? __DIR__ . '/program.php' : __DIR__ . '/../program.php';

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
$request = configuration($_GET['name'] ?? 'a', array_filter([
    'request_id' => $_GET['id'] ?? null,
    'force_rebuild' => isset($_GET['force']),
]));
switch ($path) {
    case '/hello':
        echo 'hello';
        break;
    case '/build':
        echo json_encode(outcome(fn () => Velox\build($request)->wait(30)));
        break;
    case '/status':
        echo json_encode(Pillion\status());
        break;
    case '/metrics':
        echo Pillion\Metrics\render();
        break;
    case '/respond':
        ob_start();
        echo 'output of the application';
        Velox\respond($request);
        echo 'more output';
        break;
    case '/invalid':
        Velox\respond(['rr_version' => 'latest']);
        break;
    case '/late':
        echo 'early';
        flush();
        try {
            Velox\respond($request);
        } catch (Pillion\StateException $refused) {
            echo ' ', $refused->getCode();
        }
        break;
}
