<?php

// The script of php-fpm's children; program.php is loaded before it.

declare(strict_types=1);

require __DIR__ . '/application.php';

header('Content-Type: application/json');
$answer = (new Application())->answer(parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH), $_GET);
echo $answer;
