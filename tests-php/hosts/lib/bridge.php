<?php

// Loads the classes of the Composer package pillion/bridge from the repository, as Composer would.

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    $file = dirname(__DIR__, 3) . '/php/src/' . strtr(substr($class, strlen('Pillion\\Bridge\\')), '\\', '/') . '.php';
    str_starts_with($class, 'Pillion\\Bridge\\') && is_file($file) && require $file;
}, prepend: true);
