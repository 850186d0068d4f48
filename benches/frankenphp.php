<?php

declare(strict_types=1);

/**
 * Requests per second of an empty FrankenPHP worker, with and without the extension: both servers run at the same
 * time, and `wrk` loads them alternately.
 */

require __DIR__ . '/support.php';

const ROUNDS = 10;
const SECONDS = 3;

/** A server that is ready, and its address. */
function serve(string $name, string $ini): array
{
    $directory = environment('BENCH_DIR') . "/frankenphp-$name";
    mkdir("$directory/ini", 0o755, true);
    file_put_contents("$directory/ini/bench.ini", $ini);
    file_put_contents("$directory/worker.php", '<?php $handler = static function (): void { echo "ok"; }; while (frankenphp_handle_request($handler));');
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    $address = stream_socket_get_name($socket, false);
    fclose($socket);
    file_put_contents("$directory/Caddyfile", <<<CADDYFILE
        {
            admin off
            auto_https off
            persist_config off
            # A request during FrankenPHP's start can get lost, and Caddy's shutdown would wait for it forever.
            grace_period 1s
            log {
                level ERROR
            }
            frankenphp {
                num_threads 3
                worker $directory/worker.php 2
            }
        }
        http://$address {
            root $directory
            php_server {
                index worker.php
                try_files {path} worker.php
            }
        }
        CADDYFILE);
    $environment = ['PHP_INI_SCAN_DIR' => "$directory/ini", 'XDG_DATA_HOME' => $directory, 'XDG_CONFIG_HOME' => $directory] + getenv();
    $log = ['file', "$directory/log", 'w'];
    $process = proc_open([environment('FRANKENPHP'), 'run', '--config', "$directory/Caddyfile"], [1 => $log, 2 => $log], $pipes, $directory, $environment);
    for ($try = 0; $try < 100; $try++) {
        if (@file_get_contents("http://$address/", false, stream_context_create(['http' => ['timeout' => 2]])) === 'ok') {
            return [$process, "http://$address/"];
        }
        usleep(100_000);
    }
    throw new RuntimeException("FrankenPHP does not answer: $directory/log");
}

function requests_per_second(string $url): float
{
    $said = run(['wrk', '-t1', '-c8', '-d' . SECONDS . 's', $url]);
    if (!preg_match('~^Requests/sec: +([\d.]+)~m', $said, $found) || str_contains($said, 'Non-2xx')) {
        throw new RuntimeException($said);
    }

    return (float) $found[1];
}

$ini = 'extension=' . environment('PILLION_ZTS_SO') . "\n";
foreach (places('frankenphp') as $name => $value) {
    $ini .= "$name=\"$value\"\n";
}
[$bare, $plain] = serve('without', "memory_limit=128M\n");
[$ours, $loaded] = serve('with', "memory_limit=128M\n$ini");
$measured = rounds(ROUNDS, [
    'without' => static fn (): float => requests_per_second($plain),
    'with' => static fn (): float => requests_per_second($loaded),
]);
foreach ([$bare, $ours] as $process) {
    proc_terminate($process, 9);
    proc_close($process);
}
row(
    'requests a second, an empty FrankenPHP worker, 2 threads',
    $measured['with']->tell('/s'),
    'FrankenPHP without it: ' . $measured['without']->tell('/s'),
    times($measured['with']->median() / $measured['without']->median()),
    '',
    [],
);
