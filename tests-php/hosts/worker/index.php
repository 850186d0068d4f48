<?php

// One request per script: php-fpm, the command line (which passes the path), FrankenPHP without workers.

declare(strict_types=1);

require __DIR__ . '/endings.php';

(new Endings())->serve(isset($_SERVER['REQUEST_URI']) ? parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) : $argv[1]);
