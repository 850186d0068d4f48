<?php

declare(strict_types=1);

/**
 * A hit of 50 MB through `pillion serve`, beside nginx with `sendfile` and the same file: throughput, the time to the
 * first byte while other clients read slowly, and the memory that those take. All on loopback.
 */

use Pillion\Velox;

require __DIR__ . '/support.php';

const SIZE = 50 << 20;
const CLIENTS = 4;
const PROBES = 400;

/**
 * @param list<string> $command
 *
 * @return array{resource, array<int, resource>}
 */
function start_server(array $command): array
{
    $process = proc_open($command, [['file', '/dev/null', 'r'], ['pipe', 'w'], ['file', environment('BENCH_DIR') . '/serve.log', 'a']], $pipes);

    return [$process, $pipes];
}

function stop_server(array $server): void
{
    proc_terminate($server[0]);
    proc_close($server[0]);
}

/** Bytes of memory of a process and its children. */
function resident(int $pid): int
{
    $all = [$pid, ...preg_split('~\s+~', (string) @file_get_contents("/proc/$pid/task/$pid/children"), -1, PREG_SPLIT_NO_EMPTY)];

    return array_sum(array_map(static fn (int|string $one): int => preg_match('~^Pss: +(\d+)~m', (string) file_get_contents("/proc/$one/smaps_rollup"), $found) ? $found[1] * 1024 : 0, $all));
}

/**
 * A connection with a request for the whole file, of which nothing is read.
 *
 * @return resource
 */
function ask(string $address, string $path)
{
    $stream = stream_socket_client("tcp://$address", $code, $message, 10) ?: throw new RuntimeException($message);
    fwrite($stream, "GET $path HTTP/1.1\r\nHost: x\r\n\r\n");

    return $stream;
}

/** Milliseconds from the request to the first byte. */
function first_byte(string $address, string $path): float
{
    $stream = stream_socket_client("tcp://$address", $code, $message, 10) ?: throw new RuntimeException($message);
    stream_set_read_buffer($stream, 0);
    $started = hrtime(true);
    fwrite($stream, "GET $path HTTP/1.1\r\nHost: x\r\n\r\n");
    $begun = fread($stream, 15);
    $took = (hrtime(true) - $started) / 1e6;
    str_starts_with((string) $begun, 'HTTP/1.1 200') || throw new RuntimeException("no binary: $begun");
    fclose($stream);

    return $took;
}

/** Megabytes a second of some clients at once. */
function throughput(string $address, string $path): float
{
    $output = run(['wrk', '-t1', '-c' . CLIENTS, '-d2s', '--timeout', '10s', "http://$address$path"]);
    preg_match('~^Transfer/sec: +([\d.]+)([KMG])B~m', $output, $found) || throw new RuntimeException($output);

    return $found[1] * ['K' => 1 / 1024, 'M' => 1, 'G' => 1024][$found[2]];
}

file_get_contents(environment('VELOX_URL') . '/_control', context: stream_context_create(['http' => ['method' => 'POST', 'header' => 'Content-Type: application/json', 'content' => json_encode(['delay_ms' => 0, 'size' => SIZE])]]));
$request = ['plugins' => [['module_name' => 'github.com/acme/serve', 'tag' => 'v1.0.0']]] + CONFIG;
$artifact = Velox\build($request)->wait(60);
$ticket = parse_url(Velox\response($request, ['method' => 'GET', 'uri' => '/', 'headers' => []])['headers']['Location'], PHP_URL_PATH);

$settings = array_filter(ini_get_all('pillion', false), static fn (?string $value): bool => $value !== null && $value !== '');
$defined = ['pillion.serve_write_timeout' => '1h', 'pillion.log_level' => 'error', 'pillion.log' => 'stderr'] + $settings;
$serve = start_server([environment('PILLION_BIN'), 'serve', '--listen', '127.0.0.1:0', ...array_merge(...array_map(
    static fn (string $name): array => ['-d', "$name=$defined[$name]"],
    array_keys($defined),
))]);
sscanf((string) fgets($serve[1][1]), 'listening on http://%s', $ours) === 1 || throw new RuntimeException('pillion serve does not listen');

// Free a moment ago.
$free = stream_socket_server('tcp://127.0.0.1:0');
$theirs = stream_socket_get_name($free, false);
fclose($free);
$dir = environment('BENCH_DIR') . '/nginx';
mkdir($dir);
file_put_contents("$dir/nginx.conf", <<<CONF
    daemon off;
    user root;
    worker_processes 2;
    pid $dir/pid;
    error_log stderr error;
    events { worker_connections 4096; }
    http {
        access_log off;
        sendfile on;
        tcp_nopush on;
        send_timeout 1h;
        keepalive_requests 1000000;
        client_body_temp_path $dir/body;
        proxy_temp_path $dir/proxy;
        fastcgi_temp_path $dir/fastcgi;
        uwsgi_temp_path $dir/uwsgi;
        scgi_temp_path $dir/scgi;
        server { listen $theirs; location / { root /; } }
    }
    CONF);
$nginx = start_server([environment('NGINX'), '-c', "$dir/nginx.conf", '-p', $dir]);
for ($tries = 0; @stream_socket_client("tcp://$theirs") === false && $tries < 100; ++$tries) {
    usleep(50_000);
}

$servers = ['pillion' => [$serve, $ours, $ticket], 'nginx' => [$nginx, $theirs, $artifact->path]];
$speed = rounds(7, array_map(static fn (array $server): callable => static fn (): float => throughput($server[1], $server[2]), $servers));
$ratio = $speed['pillion']->median() / $speed['nginx']->median();
row('`pillion serve`, a hit of 50 MB, ' . CLIENTS . ' clients', $speed['pillion']->tell('MB/s'), "nginx with `sendfile`: {$speed['nginx']->tell('MB/s')}", times($ratio), '≥ 0.9×', [$ratio >= 0.9]);

$tell = static fn (Samples $of): string => number_format($of->at(0.5), 2) . ' ms, p99 ' . number_format($of->at(0.99), 2) . ' ms';
$readers = array_fill_keys(array_keys($servers), []);
$before = array_map(static fn (array $server): int => resident(proc_get_status($server[0][0])['pid']), $servers);
foreach ([0, 100, 1000] as $count) {
    foreach ($servers as $name => [, $address, $path]) {
        while (count($readers[$name]) < $count) {
            $readers[$name][] = ask($address, $path);
        }
    }
    usleep(500_000);
    $times = [];
    for ($probe = 0; $probe < PROBES; ++$probe) {
        foreach ($servers as $name => [, $address, $path]) {
            $times[$name][] = first_byte($address, $path);
        }
    }
    $times = array_map(static fn (array $of): Samples => new Samples($of), $times);
    $median = $times['pillion']->at(0.5);
    $beside = $count === 0 ? 'one client' : 'beside ' . number_format($count) . ' slow readers';
    row("the same, time to the first byte, $beside", $tell($times['pillion']), $tell($times['nginx']), times($times['nginx']->at(0.5) / $median), 'p50 ≤ 1 ms', [$median <= 1]);
}
$after = array_map(static fn (array $server): int => resident(proc_get_status($server[0][0])['pid']), $servers);
$megabytes = static fn (string $name): float => ($after[$name] - $before[$name]) / (1 << 20);
row('the same, memory of 1,000 slow readers', number_format($megabytes('pillion'), 1) . ' MB', number_format($megabytes('nginx'), 1) . ' MB', '', '≤ 32 MB', [$megabytes('pillion') <= 32]);
array_map(static fn (array $server) => stop_server($server[0]), $servers);
