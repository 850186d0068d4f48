<?php

/*
 * Loads the bridge for its tests, with the packages that it connects to, or their substitutes.
 */

declare(strict_types=1);

spl_autoload_register(static function (string $class): void {
    if (str_starts_with($class, 'Pillion\Bridge\\')) {
        require \dirname(__DIR__) . '/src/' . strtr(substr($class, 15), '\\', '/') . '.php';
    }
});
foreach (['SENTRY_SDK' => 'sdk.php', 'GORIDGE' => 'goridge.php', 'PSR_CACHE' => 'psr.php', 'SYMFONY' => 'symfony.php', 'LARAVEL' => 'laravel.php', 'PROMPHP' => 'promphp.php', 'ROADRUNNER_METRICS' => 'roadrunner_metrics.php'] as $variable => $ours) {
    $real = getenv($variable);
    require \is_string($real) && $real !== '' ? $real : __DIR__ . "/{$ours}";
}
