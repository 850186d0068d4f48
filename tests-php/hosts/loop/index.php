<?php

// php-fpm's one request, served by Worker\loop(); endings.php of the worker's tests is in the same directory.

declare(strict_types=1);

require __DIR__ . '/endings.php';

$endings = new Endings();
$count = Pillion\Worker\loop(static fn () => $endings->serve((string) parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH)), 5);
$count === 1 || throw new LogicException("served {$count}");
