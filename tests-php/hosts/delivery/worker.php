<?php

// index.php in FrankenPHP's worker mode.

declare(strict_types=1);

$handle = static function (): void {
    require __DIR__ . '/index.php';
};
while (frankenphp_handle_request($handle)) {
}
