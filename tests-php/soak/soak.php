<?php

// One worker of each host under load for any length of time: each holds the same resources in the last quarter as in
// the second one. SOAK_REQUESTS: their total number (200,000); SOAK_SECONDS: the minimum duration (0).

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../hosts/lib.php';
require __DIR__ . '/Soaked.php';

define('REQUESTS', (int) (getenv('SOAK_REQUESTS') ?: 200_000));
define('AT_LEAST', (int) (getenv('SOAK_SECONDS') ?: 0));
/** A host that needs longer for its share is considered hung. */
define('AT_MOST', max(900, 2 * AT_LEAST));

/** Accepted variation: KiB of the process's own memory, descriptors (connections, files being read), threads. */
const SWAY = [
    'FrankenPHP' => ['KiB' => 16_384, 'descriptors' => 12, 'threads' => 4],
    'RoadRunner' => ['KiB' => 2_048, 'descriptors' => 12, 'threads' => 4],
    'php-fpm' => ['KiB' => 2_048, 'descriptors' => 12, 'threads' => 4],
    'command line' => ['KiB' => 2_048, 'descriptors' => 12, 'threads' => 4],
];

/**
 * The values of a run in ten steps.
 *
 * @param list<int> $values
 */
function course(array $values): string
{
    return implode(' ', array_map(fn (int $i): int => $values[intdiv($i * (count($values) - 1), 10)], range(0, 10)));
}

/** Caddy before php-fpm, for its keep-alive. */
function caddy(Sandbox $sandbox, Fpm $fpm): string
{
    $address = '127.0.0.1:' . free_port();
    file_put_contents("{$sandbox->directory}/Caddyfile", <<<CADDYFILE
        {
            admin off
            auto_https off
            persist_config off
            log {
                level WARN
            }
        }
        http://{$address} {
            bind 127.0.0.1
            root * {$fpm->root()}
            rewrite * /index.php
            reverse_proxy unix/{$fpm->socket()} {
                transport fastcgi {
                    split .php
                }
            }
        }
        CADDYFILE);
    $home = ['XDG_DATA_HOME' => $sandbox->directory, 'XDG_CONFIG_HOME' => $sandbox->directory];
    $sandbox->start('caddy', [getenv('FRANKENPHP'), 'run', '--config', "{$sandbox->directory}/Caddyfile"], $home);
    eventually('Caddy answers', fn (): bool => Http::get("http://{$address}/hello", 2)['status'] === 200);

    return "http://{$address}/";
}

test(sprintf('%s requests to one worker per host: memory, descriptors and files stay stable', number_format(REQUESTS)), function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    // Under root php-fpm's children are another user, and share nothing with the others.
    $other = $sandbox->sibling();
    $velox->script(['size' => 16_384]);
    $sandbox->set('log_level', 'warn');
    $frankenphp = new FrankenPhp($sandbox, ['threads' => 2]);
    $roadrunner = new RoadRunner($sandbox, ['workers' => 1]);
    $fpm = new Fpm($other, ['www' => ['pm.max_children = 1', 'pm.max_requests = 0']]);
    $cli = $sandbox->start('php of the command line', [...$sandbox->phpCommand(), __DIR__ . '/cli.php']);
    for ($i = 0; $i < 40; $i++) {
        $frankenphp->ask('build', name: "known {$i}");
    }
    $hosts = [
        new Soaked('FrankenPHP', $sandbox, fn (): array => [$frankenphp->pid], $frankenphp->url('')),
        new Soaked('RoadRunner', $sandbox, $roadrunner->workers(...), $roadrunner->url('')),
        new Soaked('php-fpm', $sandbox, $fpm->workers(...), caddy($sandbox, $fpm)),
        new Soaked('command line', $sandbox, fn (): array => [$cli->pid], null, $cli),
    ];
    $began = microtime(true);
    $share = intdiv(REQUESTS, count($hosts));
    $most = $share;
    $files = $binaries = [];
    while (microtime(true) - $began < AT_LEAST || array_filter($hosts, fn (Soaked $host): bool => $host->total < $share) !== []) {
        microtime(true) - $began < AT_MOST || fail('not within ' . AT_MOST . ' s: ' . show(array_column($hosts, 'total', 'name')));
        $most = microtime(true) - $began < AT_LEAST ? PHP_INT_MAX : $share;
        foreach ($hosts as $host) {
            $host->goOn($most);
            $host->sample();
        }
        // Outcomes of builds stay for a minute, and replaced binaries for ten, because a process may still use them.
        $all = [...$sandbox->files(), ...$other->files()];
        $files[] = count(preg_grep('/\.(outcome|tmp|bin)$/', $all, PREG_GREP_INVERT));
        $binaries[] = count(preg_grep('/\.bin$/', $all));
        usleep(500_000);
    }
    $seconds = microtime(true) - $began;
    foreach ($hosts as $host) {
        $host->finish();
        $host->sample();
    }
    note(sprintf('%s requests in %.0f s, %d builds', number_format(array_sum(array_column($hosts, 'total'))), $seconds, $velox->counter('builds_finished')));
    foreach ($hosts as $host) {
        note(sprintf('%-13s %s requests, slowest p99 %.1f ms', $host->name, number_format($host->total), $host->slowest));
        foreach (['KiB', 'descriptors', 'threads', 'ours'] as $what) {
            note(sprintf('  %-12s %s', $what, $host->course($what)));
        }
    }
    note('files: ' . course($files) . '; binaries: ' . course($binaries));
    foreach ($hosts as $host) {
        same([0, 0, ''], [$host->bad, $host->errors, $host->first], "{$host->name}: bad answers, errors, the first bad one");
        foreach (SWAY[$host->name] as $what => $sway) {
            [$before, $after] = [$host->most($what, 0.25, 0.5), $host->most($what, 0.75, 1.0)];
            is_true($after <= $before + $sway, "{$host->name}: {$what} grew from {$before} to {$after}: {$host->course($what)}");
        }
    }
    is_true(max(array_slice($files, -3)) <= max(array_slice($files, 0, intdiv(count($files), 2) + 1)) + 4, 'files: ' . show($files));
    is_true($velox->counter('builds_finished') > REQUESTS / 1000, 'few builds: ' . $velox->counter('builds_finished'));
});
