<?php

declare(strict_types=1);

/**
 * Runs the benches, all of them or the named ones, and prints one table in Markdown. A missed goal (✗) is shown and is
 * no failure. `run.php [NAME]...`
 */

require __DIR__ . '/support.php';

// A million artifacts need space in APCu, too: 1.6 KB each.
$large = (int) preg_replace('~.*^MemAvailable: +(\d+) kB.*~ms', '$1', file_get_contents('/proc/meminfo')) > 6_000_000;

$benches = [
    'find' => static function () use ($large): iterable {
        foreach ($large ? [16_384, 1_000_000] : [16_384] as $entries) {
            $places = places("find-$entries") + ['pillion.velox_cache_max_entries' => $entries];
            fill($places, $entries, $entries, 'index');
            $apcu = ['apc.shm_size' => $entries > 100_000 ? '3G' : '128M', 'apc.entries_hint' => $entries];
            yield [...php(['apcu', 'pillion'], $apcu + $places), __DIR__ . '/find.php', (string) $entries];
        }
    },
    'find_request' => static fn (): iterable => [[...php(['apcu', 'pillion'], places('find-request')), __DIR__ . '/find_request.php']],
    'cache' => static function (): iterable {
        $parts = ['repeated' => [], 'requests' => [], 'random' => [], 'first-tier' => ['pillion.cache_local_size' => 0], 'full' => ['pillion.cache_local_size' => 0]];
        foreach ($parts as $part => $settings) {
            $settings += ['apc.shm_size' => $part === 'full' ? '32M' : '128M'] + places("cache-$part");
            yield [...php(['apcu', 'pillion', 'posix'], $settings), __DIR__ . '/cache.php', $part];
        }
    },
    'cache_many' => static function (): iterable {
        $parts = [
            'peers' => ['apc.shm_size' => '128M'],
            'million' => ['apc.shm_size' => '512M', 'apc.entries_hint' => 1_000_000, 'pillion.cache_memory' => '256M'],
            'full' => ['apc.shm_size' => '32M'],
        ];
        foreach ($parts as $part => $settings) {
            $extensions = ['apcu', 'pillion', ...($part === 'million' ? [] : peers(['yac', 'dba']))];
            yield [...php($extensions, $settings + places("cache-many-$part")), __DIR__ . '/cache_many.php', $part];
        }
    },
    'cache_adapters' => static fn (): iterable => [[...php(['apcu', 'pillion'], places('cache-adapters')), __DIR__ . '/cache_adapters.php']],
    'cache_second_tier' => static function (): iterable {
        $socket = environment('BENCH_DIR') . '/redis.sock';
        $command = [environment('REDIS'), '--port', '0', '--unixsocket', $socket, '--save', '', '--dir', environment('BENCH_DIR')];
        $server = proc_open($command, [1 => ['file', '/dev/null', 'w']], $pipes);
        for ($tries = 0; !file_exists($socket) && $tries < 100; ++$tries) {
            usleep(50_000);
        }
        $settings = ['pillion.cache_url' => "unix:$socket"] + places('cache-second-tier');
        if (count($peers = peers(['igbinary', 'redis'])) === 2) {
            yield [...php(['pillion', ...$peers], $settings), __DIR__ . '/cache_second_tier.php', $socket];
        }
        proc_terminate($server);
        proc_close($server);
    },
    'metrics' => static fn (): iterable => [[...php(['apcu', 'pillion'], ['apc.shm_size' => '128M'] + places('metrics')), __DIR__ . '/metrics.php']],
    'cold_lookup' => static fn (): iterable => [[...php(), __DIR__ . '/cold_lookup.php']],
    'submit' => static function (): iterable {
        $places = places('submit') + ['pillion.velox_server_url' => environment('VELOX_URL')];
        yield [...php(['pillion'], $places), __DIR__ . '/submit.php'];
    },
    'scaling' => static function (): iterable {
        $places = places('scaling');
        fill($places, 16_384, 16_384, 'index');
        yield [...php(['apcu', 'pillion'], ['apc.shm_size' => '128M'] + $places), __DIR__ . '/scaling.php'];
    },
    'find_under_writes' => static function (): iterable {
        $places = places('find_under_writes');
        fill($places, 2048, 16_384, 'disk');
        yield [...php(['apcu', 'pillion'], ['apc.shm_size' => '128M'] + $places), __DIR__ . '/find_under_writes.php'];
    },
    'failover' => static function (): iterable {
        $places = places('failover') + ['pillion.velox_server_url' => environment('VELOX_URL')];
        yield [...php(['pillion'], $places), __DIR__ . '/failover.php'];
    },
    'memory' => static fn (): iterable => [[...php(), __DIR__ . '/memory.php']],
    'copy' => static fn (): iterable => [[...php(['pillion'], places('copy')), __DIR__ . '/copy.php']],
    'requests' => static fn (): iterable => [[...php(), __DIR__ . '/requests.php']],
    'sentry' => static function (): iterable {
        $sink = start_sink();
        $settings = ['pillion.sentry_dsn' => 'http://bench@' . environment('SINK_HTTP') . '/1', 'pillion.sentry_queue_buffer_size' => 1_000_000];
        foreach (['send', 'rare', 'threads', 'delivered', 'queued', 'recovery', 'dead'] as $part) {
            yield [...php(['pillion', 'curl'], $settings + places("sentry-$part")), __DIR__ . '/sentry.php', $part];
        }
        fclose($sink[1][0]);
        proc_close($sink[0]);
    },
    'serve' => static function (): iterable {
        $settings = ['pillion.velox_server_url' => environment('VELOX_URL'), 'pillion.delivery' => 'ticket', 'pillion.delivery_url' => 'http://serve.test'];
        yield [...php(['pillion'], $settings + places('serve')), __DIR__ . '/serve.php'];
    },
    'gateway' => static fn (): iterable => [[...php(), __DIR__ . '/gateway.php']],
    'worker' => static fn (): iterable => [[...php(), __DIR__ . '/worker.php']],
    'frankenphp' => static fn (): iterable => [[...php(), __DIR__ . '/frankenphp.php']],
];
$chosen = array_slice($argv, 1) ?: array_keys($benches);
foreach (array_diff($chosen, array_keys($benches)) as $unknown) {
    fwrite(STDERR, "no bench '$unknown'; there are: " . implode(', ', array_keys($benches)) . "\n");
    exit(1);
}

preg_match('~^model name\s*: (.+)~m', file_get_contents('/proc/cpuinfo'), $model);
$apcu = trim(run([...php(['apcu']), '-r', 'echo phpversion("apcu");']));
printf(
    "%s, %d cores; Linux %s; PHP %s %s, APCu %s; load %s when it began, %s\n\n",
    $model[1] ?? php_uname('m'),
    substr_count(file_get_contents('/proc/cpuinfo'), 'processor'),
    php_uname('r'),
    PHP_VERSION,
    PHP_ZTS ? 'ZTS' : 'NTS',
    $apcu,
    number_format(sys_getloadavg()[0], 1),
    date('Y-m-d'),
);
echo "| what | Pillion | peer | compared | goal |\n| --- | --- | --- | --- | --- |\n";

$failed = false;
foreach ($chosen as $name) {
    foreach ($benches[$name]() as $command) {
        $process = proc_open($command, [], $pipes);
        if (proc_close($process) !== 0) {
            fwrite(STDERR, "the bench '$name' did not come to its end\n");
            $failed = true;
        }
    }
}
echo "\nMedian (least–most) of rounds in which Pillion and its peer take turns. ✓ the goal is reached, ✗ it is not.\n";
if (!$large) {
    echo "A million keys were left out: they need 6 GB of free memory.\n";
}
exit($failed ? 1 : 0);
