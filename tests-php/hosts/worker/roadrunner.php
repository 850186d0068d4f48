<?php

// RoadRunner's worker in the tests of worker mode. What is printed belongs into the answer, and never onto the wire.

declare(strict_types=1);

require __DIR__ . '/spiral.php';
require __DIR__ . '/endings.php';
require __DIR__ . '/../../phpt/worker/sentry/hubs.inc';

use Spiral\RoadRunner\Http\HttpWorker;
use Spiral\RoadRunner\Worker;

// Standard output is the wire; what is printed outside of an answer belongs into the log.
ob_start(static fn (string $text): string => fwrite(STDERR, $text) === false ? '' : '', 1);
$endings = new Endings();
$worker = new HttpWorker(new Worker());
while ($request = $worker->waitRequest()) {
    $level = ob_get_level();
    ob_start();
    try {
        $endings->serve(parse_url($request->uri, PHP_URL_PATH));
        [$status, $body] = [200, ''];
        while (ob_get_level() > $level) {
            $body = ob_get_clean() . $body;
        }
        $worker->respond($status, $body, ['X-Pillion-Request' => [Pillion\Worker\request_id()]]);
    } catch (Throwable $thrown) {
        while (ob_get_level() > $level) {
            ob_end_clean();
        }
        $worker->respond(500, $thrown->getMessage());
    }
}
