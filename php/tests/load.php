<?php

/*
 * What tests of the bridge load: its classes, and beside them the SDK and goridge, or what stands for them here.
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Pillion\Bridge\\')) {
        require \dirname(__DIR__) . '/src/' . strtr(substr($class, 15), '\\', '/') . '.php';
    }
});
foreach (['SENTRY_SDK' => 'sdk.php', 'GORIDGE' => 'goridge.php'] as $variable => $ours) {
    $real = getenv($variable);
    require \is_string($real) && $real !== '' ? $real : __DIR__ . "/{$ours}";
}
