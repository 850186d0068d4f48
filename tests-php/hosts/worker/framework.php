<?php

// FrankenPHP's worker script with the habits of frameworks, which collects cycles as their runners do; each answer has
// the known leaks.

declare(strict_types=1);

use Framework\Message;
use Pillion\Worker;

$kernel = (require dirname(__DIR__, 2) . '/fixtures/framework/application.php')();
$handler = static function () use ($kernel): void {
    $path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
    $kernel->handle(new Message($path, ['host' => 'localhost', 'x-number' => (string) mt_rand()]));
    $path === '/leak' && $kernel->container->services['leak.' . count($kernel->container->services)] = new stdClass();
    header('Content-Type: application/json');
    echo json_encode(Worker\leaks());
};
while (frankenphp_handle_request($handler)) {
    gc_collect_cycles();
}
