<?php

// FrankenPHP's worker script in the tests of leaks: a clean application, and paths on which one thread leaks.

declare(strict_types=1);

use Pillion\Worker;

final class Basket
{
    public static array $items = [];
}

$kernel = (require dirname(__DIR__, 2) . '/fixtures/notes/application.php')(getenv('NOTES_DIRECTORY'));
$handler = static function () use ($kernel): void {
    $path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    $tell = static function (array $answer): void {
        header('Content-Type: application/json');
        echo json_encode(['thread' => Worker\status()['thread']] + $answer);
    };
    if ($path === '/leaks') {
        $tell(['leaks' => Worker\leaks()]);

        return;
    }
    if ($path === '/leak') {
        Basket::$items[] = str_repeat('x', 100);
        // Long enough that the other threads have to serve concurrent requests.
        usleep(5000);
        $tell(['leaks' => Worker\leaks()]);

        return;
    }
    if ($path === '/hello') {
        echo 'hello';

        return;
    }
    if ($path === '/status') {
        echo json_encode(Worker\status());

        return;
    }
    $session = $_GET['session'] ?? '';
    [$status, $body] = $kernel->handle($_SERVER['REQUEST_METHOD'], $path, $_POST, $session);
    http_response_code($status);
    $tell(['leaks' => Worker\leaks(), 'body' => $body]);
};
while (frankenphp_handle_request($handler));
