<?php

// The script of RoadRunner's workers: answers as docs/guides/delivery.md says. program.php is loaded before it.

declare(strict_types=1);

require __DIR__ . '/../lib/bridge.php';
require __DIR__ . '/controller.php';

use Pillion\Bridge\Http\DeliveryMiddleware;
use Pillion\Bridge\RoadRunner\HttpWorker;
use Pillion\Tests\Http\Factory;
use Pillion\Velox;

$worker = new HttpWorker();
$middleware = new DeliveryMiddleware(new Factory(), new Factory());
while ($request = $worker->waitRequest()) {
    $build = configuration($request->query['name'] ?? 'a');
    $worker->respond(match ($request->path()) {
        '/hello' => 'hello',
        '/metrics' => Pillion\Metrics\render(),
        '/build' => [200, ['Content-Type' => 'application/json'], json_encode(outcome(fn () => Velox\build($build)->wait(30)))],
        '/status' => json_encode(Pillion\status()),
        '/plugin' => $middleware->process(
            Plugin\Application\request($request->method, $request->uri, $request->headers, $request->body),
            Plugin\Application\controller(),
        ),
        '/respond' => Velox\response($build, [
            'method' => $request->method,
            'uri' => $request->uri,
            'headers' => $request->headers,
        ]),
        default => [404, [], ''],
    });
}
