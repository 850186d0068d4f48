<?php

// Writes the pictures of docs/guides/monitoring.md: the views of a busy host, light and dark.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** Writes a PNG; with a palette where the machine has pngquant, which makes it a third of its size. */
function write_picture(string $file, string $png): void
{
    file_put_contents($file, $png);
    shell_exec('command -v pngquant >/dev/null && pngquant --force --ext .png --strip ' . escapeshellarg($file));
    is_true(filesize($file) < 150_000, "{$file} is too large; install pngquant");
}

test('screenshots are written', function (Sandbox $sandbox): void {
    $directory = getenv('SCREENSHOTS') ?: __DIR__ . '/../../../docs/images';
    is_dir($directory) || mkdir($directory, 0o755, true);
    $host = new BusyHost($sandbox, 12, 12);
    $host->makeDeadLetters('PDOException: SQLSTATE[HY000] [2002] Connection refused', 'the disk is full');
    $host->beginBuild('slow', ['go: downloading github.com/roadrunner-server/http/v5 v5.2.7', 'building for linux/amd64', 'github.com/roadrunner-server/endure/v2', 'go.uber.org/zap']);
    $load = [];
    for ($number = 0; $number < 6; $number++) {
        $load[] = $sandbox->start("load {$number}", ['sh', '-c', "while :; do curl -s '{$host->application}/slow?ms=" . (400 * $number + 50) . "' '{$host->application}/values' >/dev/null; done"]);
    }
    foreach (['light' => false, 'dark' => true] as $theme => $isDark) {
        $browser = new Browser($sandbox, isDark: $isDark);
        $host->signIn($browser);
        $browser->resize(1280, 800);
        foreach (['overview', 'workers', 'builds', 'artifacts', 'cache', 'sentry', 'metrics'] as $view) {
            // The guide shows these; SCREENSHOTS names a directory for all.
            if (!getenv('SCREENSHOTS') && !in_array($view, $isDark ? ['workers'] : ['overview', 'builds', 'cache', 'sentry'], true)) {
                continue;
            }
            $browser->run('location.hash = "#/" + arguments[0]', $view);
            $browser->awaitText('h1', ucfirst($view));
            sleep($view === 'overview' ? 12 : 3);
            write_picture("{$directory}/dashboard-{$view}-{$theme}.png", $browser->screenshot());
        }
        if (!$isDark) {
            $browser->resize(360, 740);
            foreach (getenv('SCREENSHOTS') ? ['sentry', 'workers', 'cache', 'overview'] : ['overview'] as $view) {
                $browser->run('location.hash = "#/" + arguments[0]', $view);
                sleep(2);
                write_picture("{$directory}/dashboard-{$view}-phone.png", $browser->screenshot());
            }
        }
    }
    $host->velox->release('slow');
});
exit(Count::$failed > 0 ? 1 : 0);
