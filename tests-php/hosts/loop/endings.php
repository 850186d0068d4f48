<?php

// The endings of the tests of worker mode, served by Worker\loop() on any host.

declare(strict_types=1);

require __DIR__ . '/../lib/bridge.php';
require __DIR__ . '/../worker/endings.php';

use Pillion\Bridge\RoadRunner\Request;
use Pillion\Bridge\RoadRunner\Response;
use Pillion\Worker;

$endings = new Endings();
$count = Worker\loop(static function (?Request $request = null) use ($endings, &$argv): ?Response {
    $uri = $request->uri ?? $_SERVER['REQUEST_URI'] ?? $argv[1];
    // RoadRunner's answers are returned; printed text goes to the log there.
    $request === null || ob_start();
    $endings->serve((string) parse_url($uri, PHP_URL_PATH));

    return $request === null ? null : new Response(200, ['X-Pillion-Request' => Worker\request_id()], (string) ob_get_clean());
}, (int) (getenv('MAX_REQUESTS') ?: $_SERVER['MAX_REQUESTS'] ?? 0));
file_put_contents(ini_get('pillion.state_dir') . '/ended', json_encode([$count, $count]) . "\n", FILE_APPEND | LOCK_EX);
