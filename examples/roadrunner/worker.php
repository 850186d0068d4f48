<?php

declare(strict_types=1);

/**
 * A RoadRunner worker with Pillion loaded, without any package. Its page shows the RoadRunner that runs it, the cache
 * entry of that binary, and the status of Pillion.
 */

use Pillion\Velox;

require __DIR__ . '/Relay.php';

$request = require __DIR__ . '/../request.php';
$relay = new Relay();

for ($requests = 1; $relay->receive(); $requests++) {
    $artifact = Velox\find($request);
    $page = [
        'roadrunner' => getenv('RR_VERSION') ?: null,
        'php' => PHP_VERSION,
        'worker' => ['pid' => getmypid(), 'requests' => $requests],
        'binary' => $artifact === null ? null : ['key' => $artifact->key, 'sha256' => $artifact->sha256, 'cache' => $artifact->cacheStatus],
        'pillion' => Pillion\status(),
    ];
    $relay->respond(
        200,
        ['Content-Type' => 'application/json'],
        json_encode($page, JSON_THROW_ON_ERROR | JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES) . "\n",
    );
}
