<?php

/*
 * Registers the driver `pillion` for the cache and for sessions.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Laravel;

use Illuminate\Contracts\Cache\CanFlushLocks;
use Illuminate\Support\ServiceProvider;
use Pillion\Bridge\Session\SessionHandler;

final class CacheServiceProvider extends ServiceProvider
{
    public function register(): void
    {
        $this->callAfterResolving('cache', function ($cache): void {
            $cache->extend('pillion', function ($app, array $config) use ($cache) {
                $class = \interface_exists(CanFlushLocks::class) ? StoreWithFlushableLocks::class : Store::class;

                return $cache->repository(new $class($config['prefix'] ?? $app['config']['cache.prefix'] ?? ''), $config);
            });
        });
        $this->callAfterResolving('session', function ($session): void {
            // Laravel reads and writes sessions and never closes them; Route::block() has its locks.
            $session->extend('pillion', function ($app) {
                return new SessionHandler(
                    ($app['config']['cache.prefix'] ?? '') . 'session:',
                    $app['config']['session.lifetime'] * 60,
                    lease: 0,
                );
            });
        });
    }
}
