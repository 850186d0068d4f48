<?php

// An application that keeps a host busy. PHP's own server prepends no file to a router script.

declare(strict_types=1);

use Pillion\Cache;
use Pillion\Metrics;
use Pillion\Sentry;
use Pillion\Velox;

require_once __DIR__ . '/../program.php';

$request = configuration($_GET['name'] ?? 'a');
switch ('/' . explode('/', parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH))[1]) {
    case '/build':
        usleep(1000 * (int) ($_GET['ms'] ?? 0));
        echo json_encode(outcome(fn () => Velox\build($request)->wait(30)));
        break;
    case '/begin':
        echo Velox\build($request)->id();
        break;
    case '/values':
        Cache\get('user:7') ?? Cache\set('user:7', ['name' => 'Ada'], ttl: 3600, tags: ['users']);
        Cache\set('page:' . random_int(1, 20), str_repeat('x', random_int(1000, 60_000)), ttl: 900, tags: ['pages']);
        Cache\get('user:' . random_int(1, 20));
        Cache\get('page:' . random_int(1, 40));
        Metrics\increment('orders_total', ['country' => ['de', 'fr', 'pl'][random_int(0, 2)]]);
        break;
    case '/set':
        Cache\set($_GET['key'], 'value');
        break;
    case '/event':
        Sentry\capture(['message' => $_GET['message'], 'level' => 'error']);
        Sentry\flush(10);
        break;
    case '/slow':
        usleep((int) ($_GET['ms'] ?? 1000) * 1000);
        break;
    default:
        echo 'hello';
}
