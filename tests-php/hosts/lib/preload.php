<?php

// opcache with a preload script in FrankenPHP, and whether the PHP under test survives a restart with one.

declare(strict_types=1);

namespace Pillion\Tests;

/** @return array<string, string> */
function opcache(): array
{
    return ['zend_extension' => 'opcache', 'opcache.enable' => '1', 'opcache.validate_timestamps' => '0', 'opcache.jit' => 'off'];
}

/** If it does not, as PHP 8.2 and 8.3, the test skips that part; a note has PHP's behaviour without the extension. */
function survives_restarts_with_preload(): bool
{
    $version = shell_exec(escapeshellarg(getenv('PHP_ZTS')) . ' -n -r "echo PHP_VERSION;"');
    if (version_compare($version, '8.4', '>=')) {
        return true;
    }
    $crash = starts_until_preloading_crashes();
    note("skipped: restarts with a preload script, which PHP {$version} itself does not survive; without the extension it "
        . ($crash === null ? 'survived 10 this time' : "crashed at start {$crash}"));

    return false;
}

/**
 * Starts of FrankenPHP until it crashes, in a process without the extension that has a preload script and a bare
 * worker; null if it survives ten restarts. PHP 8.2 crashes in most runs.
 */
function starts_until_preloading_crashes(): ?int
{
    $sandbox = new Sandbox();
    file_put_contents("{$sandbox->directory}/preload.php", '<?php final class Preloaded {}');
    file_put_contents("{$sandbox->directory}/bare.php", '<?php while (frankenphp_handle_request(static function (): void { echo "{}"; }));');
    try {
        $host = new FrankenPhp($sandbox, ['script' => "{$sandbox->directory}/bare.php"], opcache() + preloading("{$sandbox->directory}/preload.php"), extension: false);
        for ($starts = 1; $starts <= 10; $starts++) {
            $host->restart();
            usleep(100_000);
            if ($host->process->hasEnded()) {
                return $starts + 1;
            }
        }

        return null;
    } catch (Failure | \ErrorException) {
        return ($starts ?? 0) + 1;
    } finally {
        $sandbox->close(false);
    }
}

/** @return array<string, string> */
function preloading(string $script): array
{
    return ['opcache.preload' => $script] + (posix_geteuid() === 0 ? ['opcache.preload_user' => 'root'] : []);
}
