<?php

// The page of metrics, as an application serves it, with counters of its own.

declare(strict_types=1);

Pillion\Metrics\register('shop_seconds', 'histogram', 'Time of an order.', ['kind'], [0.5, 1]);
Pillion\Metrics\increment('shop_orders', ['path' => "a\\b\"c\nd"], 0.5);
Pillion\Metrics\increment('shop_requests_total');
Pillion\Metrics\observe('shop_seconds', 0.7, ['kind' => 'web']);
$accept = $_SERVER['HTTP_ACCEPT'] ?? null;
header('Content-Type: ' . Pillion\Metrics\content_type($accept));
echo Pillion\Metrics\render($accept);
