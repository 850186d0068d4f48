<?php

declare(strict_types=1);

/**
 * `pillion gateway` over a directory: negotiations beside the same protocol over Go's net/http, and 2 GB up and down
 * beside turborepo-remote-cache of npm, with the peak of the memory. Our upload is hashed and on the disk when it is
 * answered; that of the peers is in the page cache. All on loopback.
 */

require __DIR__ . '/support.php';

// Less than 2 GiB, the largest body that turborepo-remote-cache takes: it holds a body in one buffer.
const SIZE = 2_000_000_000;
const KEYS = 1000;
const TOKEN = 'token-of-the-bench';
const CLIENTS = 16;

/**
 * Starts a server; its first line has its URL, or else it is at that port.
 *
 * @param list<string> $command
 * @param array<string, string> $environment
 *
 * @return array{resource, string, string} process, URL, directory of its artifacts
 */
function start(string $name, array $command, array $environment = [], ?string $url = null): array
{
    $directory = environment('BENCH_DIR') . "/gateway/$name";
    is_dir($directory) || mkdir($directory, recursive: true);
    $command = str_replace('DIRECTORY', $directory, $command);
    $environment = str_replace('DIRECTORY', $directory, $environment);
    $output = $url === null ? ['pipe', 'w'] : ['file', '/dev/null', 'w'];
    $log = ['file', environment('BENCH_DIR') . "/gateway/$name.log", 'a'];
    $process = proc_open($command, [['file', '/dev/null', 'r'], $output, $log], $pipes, null, $environment + getenv());
    // Also if the bench ends early.
    register_shutdown_function(static fn (): bool => is_resource($process) && proc_terminate($process, SIGKILL));
    if ($url === null) {
        preg_match('~http://\S+~', (string) fgets($pipes[1]), $found) || throw new RuntimeException("$name does not start");
        $url = $found[0];
        $GLOBALS['pipes'][] = $pipes;
    }
    for ($tries = 0; @stream_socket_client(str_replace('http', 'tcp', $url)) === false; ++$tries) {
        $tries < 1200 || throw new RuntimeException("$name does not answer");
        usleep(50_000);
    }

    return [$process, $url, $directory];
}

/** The largest resident memory in MiB. */
function peak(array $server): float
{
    $pid = proc_get_status($server[0])['pid'];
    preg_match('~^VmHWM:\s+(\d+)~m', (string) file_get_contents("/proc/$pid/status"), $found);

    return $found[1] / 1024;
}

function stop(array $server): void
{
    proc_terminate($server[0], SIGKILL);
    proc_close($server[0]);
    run(['rm', '-rf', $server[2]]);
}

/** Seconds of a transfer by curl. */
function transfer(string ...$arguments): float
{
    return (float) run([
        'curl', '--silent', '--show-error', '--fail', '--noproxy', '*', '--max-time', '300', '--output', '/dev/null', '--write-out', '%{time_total}',
        '--header', 'Authorization: Bearer ' . TOKEN, '--header', 'Content-Type: application/octet-stream', '--header', 'Expect:', ...$arguments,
    ]);
}

/** Negotiations a second of some clients at once, of keys that exist. */
function negotiations(string $url): float
{
    $script = environment('BENCH_DIR') . '/negotiate.lua';
    file_put_contents($script, sprintf(<<<'LUA'
        local bodies, at = {}, 0
        for key = 1, %d do bodies[key] = '{"hash":"key-' .. key .. '","action":"download"}' end
        wrk.method = 'POST'
        wrk.headers['Authorization'] = 'Bearer %s'
        request = function()
            at = at %% #bodies + 1
            return wrk.format(nil, nil, nil, bodies[at])
        end
        LUA, KEYS, TOKEN));
    $output = run(['wrk', '-t1', '-c' . CLIENTS, '-d2s', '--timeout', '10s', '-s', $script, "$url/v1/negotiate"]);
    if (str_contains($output, 'Non-2xx') || !preg_match('~^Requests/sec: +([\d.]+)~m', $output, $found)) {
        throw new RuntimeException($output);
    }

    return (float) $found[1];
}

$ours = static fn (): array => start('pillion', [
    environment('PILLION_BIN'), 'gateway', '--listen', '127.0.0.1:0', '-d', 'gateway_local_root=DIRECTORY', '-d', 'gateway_auth_token=' . TOKEN,
], ['PILLION_LOG_LEVEL' => 'error']);
$peers = environment('GATEWAY_PEERS');

if (is_file("$peers/gateway_peer")) {
    $servers = ['pillion' => $ours(), 'go' => start('go', ["$peers/gateway_peer", 'DIRECTORY', TOKEN])];
    foreach ($servers as [, $url]) {
        run(['curl', '--silent', '--show-error', '--fail', '--noproxy', '*', '--header', 'Authorization: Bearer ' . TOKEN, '--data-binary', 'artifact', '--request', 'PUT', "$url/v1/proxy/blob/key-[1-" . KEYS . ']']);
    }
    $rates = rounds(7, array_map(static fn (array $server): callable => static fn (): float => negotiations($server[1]), $servers));
    array_map(stop(...), $servers);
    $ratio = $rates['pillion']->median() / $rates['go']->median();
    row(
        'gateway, negotiation of a key that exists, ' . CLIENTS . ' clients',
        $rates['pillion']->tell('/s'),
        "Go's `net/http`: {$rates['go']->tell('/s')}",
        times($ratio),
        '≥ 1.0×, ≥ 10,000/s',
        [$ratio >= 1, $rates['pillion']->median() >= 10_000],
    );
}

if (is_file("$peers/turborepo-remote-cache")) {
    $free = stream_socket_server('tcp://127.0.0.1:0');
    $port = substr(strrchr(stream_socket_get_name($free, false), ':'), 1);
    fclose($free);
    $servers = ['pillion' => $ours(), 'turborepo' => start('turborepo', ["$peers/turborepo-remote-cache"], [
        'NODE_ENV' => 'production', 'HOST' => '127.0.0.1', 'PORT' => $port, 'TURBO_TOKEN' => TOKEN, 'BODY_LIMIT' => (string) (4 << 30), 'LOG_LEVEL' => 'error',
        'STORAGE_PROVIDER' => 'local', 'STORAGE_PATH' => 'DIRECTORY', 'STORAGE_PATH_USE_TMP_FOLDER' => 'false',
    ], "http://127.0.0.1:$port")];
    $file = environment('BENCH_DIR') . '/two-gigabytes';
    run(['sh', '-c', 'head -c "$1" /dev/urandom >"$0"', $file, (string) SIZE]);
    $path = static fn (int $round): string => "/v8/artifacts/key-$round?teamId=bench";
    $seconds = ['up' => [], 'down' => []];
    // The first round warms up.
    for ($turn = 0; $turn < 4; ++$turn) {
        foreach ($servers as $name => [, $url, $directory]) {
            $up = transfer('--upload-file', $file, $url . $path($turn));
            $down = transfer($url . $path($turn));
            if ($turn > 0) {
                $seconds['up'][$name][] = $up;
                $seconds['down'][$name][] = $down;
            }
            run(['sh', '-c', 'find "$0" -type f -size +1G -delete', $directory]);
        }
    }
    foreach (['up' => 'upload', 'down' => 'download'] as $way => $what) {
        [$mine, $theirs] = [new Samples($seconds[$way]['pillion']), new Samples($seconds[$way]['turborepo'])];
        $faster = $theirs->median() / $mine->median();
        row("gateway, $what of 2 GB", $mine->tell('s', 2), "turborepo-remote-cache: {$theirs->tell('s', 2)}", times($faster), '≥ 2×', [$faster >= 2]);
    }
    $peaks = array_map(peak(...), $servers);
    row('the same, peak of the memory', number_format($peaks['pillion'], 1) . ' MB', number_format($peaks['turborepo'], 1) . ' MB', times($peaks['turborepo'] / $peaks['pillion']), '≤ 32 MB', [$peaks['pillion'] <= 32]);
    array_map(stop(...), $servers);
    unlink($file);
}
