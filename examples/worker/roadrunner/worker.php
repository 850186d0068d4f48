<?php

declare(strict_types=1);

// Composer's autoloader, which knows pillion/bridge.
require __DIR__ . '/vendor/autoload.php';
require dirname(__DIR__) . '/App.php';

use Pillion\Bridge\RoadRunner\Request;

$app = new App();

Pillion\Worker\loop(static fn (Request $request): array => $app->handle($request->path(), $request->cookies));
