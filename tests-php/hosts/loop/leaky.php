<?php

// A worker that leaks in each request to /leak; each answer has the leaks of the one before.

declare(strict_types=1);

require __DIR__ . '/../lib/bridge.php';

use Pillion\Bridge\RoadRunner\Request;
use Pillion\Worker;

final class Basket
{
    /** @var list<int> */
    public static array $items = [];
}

Worker\loop(static function (?Request $request = null): ?string {
    $path = parse_url($request->uri ?? $_SERVER['REQUEST_URI'], PHP_URL_PATH);
    $path === '/leak' && Basket::$items[] = 1;
    $leaks = json_encode($path === '/hello' ? 'hello' : array_column(Worker\leaks(), 'message'), JSON_THROW_ON_ERROR);
    $request === null && print $leaks;

    return $request === null ? null : $leaks;
});
