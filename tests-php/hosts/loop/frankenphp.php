<?php

// FrankenPHP's worker in the tests of Worker\loop(): the conditions that end loops.

declare(strict_types=1);

$kept = [];
$seen = 0;
$count = Pillion\Worker\loop(static function () use (&$kept, &$seen): void {
    $seen++;
    parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH) === '/grow' && $kept[] = str_repeat('x', 8 << 20);
    echo '"hello"';
}, 7);
file_put_contents(ini_get('pillion.state_dir') . '/ended', json_encode([$count, $seen]) . "\n", FILE_APPEND | LOCK_EX);
