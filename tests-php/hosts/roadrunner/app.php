<?php

// The script of RoadRunner's workers; program.php is loaded before it.

declare(strict_types=1);

require __DIR__ . '/../application.php';
require __DIR__ . '/../lib/bridge.php';

use Pillion\Bridge\RoadRunner\HttpWorker;

// Standard output is the wire; echoed text belongs in RoadRunner's log.
ob_start(static fn (string $text): string => fwrite(STDERR, $text) === false ? '' : '', 1);
$application = new Application();
$worker = new HttpWorker();
while ($request = $worker->waitRequest()) {
    try {
        $worker->respond([200, ['Content-Type' => 'application/json'], $application->answer($request->path(), $request->query)]);
    } catch (Throwable $thrown) {
        $worker->fail($thrown);
    }
}
