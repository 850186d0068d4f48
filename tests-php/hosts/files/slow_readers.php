<?php

// Thousands of clients of `pillion serve` that read slowly: they cost memory by the thousand, and not by the file.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

const READERS = 10_000;
const READER_PROCESSES = 4;
/** Bytes that each reader gets: more than the buffers of a connection hold. */
const PART = 600_000;
/** Limit of the server's memory for one reader. A buffer of its part exceeds that, and so does one of 64 KiB. */
const MEMORY_OF_A_READER = 56 << 10;

/** Arguments: socket, path of the ticket, file, number of readers, length of a part. */
const READ_SLOWLY = <<<'PHP'
    <?php
    [, $socket, $path, $file, $count, $length] = $argv;
    $content = file_get_contents($file);
    $readers = [];
    for ($n = 0; $n < $count; ++$n) {
        // Each another part of the file.
        $first = $n * 13 % (strlen($content) - $length);
        // A full queue of connections refuses the next one at once.
        for ($tries = 0; !($reader = @stream_socket_client("unix://$socket", $code, $message)) && $tries < 60_000; ++$tries) {
            usleep(1_000);
        }
        $reader || exit("not connected: $message\n");
        stream_set_timeout($reader, 120);
        fwrite($reader, sprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=%d-%d\r\n\r\n", $path, $first, $first + $length - 1));
        $readers[] = [$reader, $first];
    }
    foreach ($readers as $n => [$reader]) {
        $head = stream_get_line($reader, 8192, "\r\n\r\n");
        str_starts_with((string) $head, 'HTTP/1.1 206') || exit("no binary for reader $n: $head\n");
    }
    echo "all have begun\n";
    fgets(STDIN);
    foreach ($readers as $n => [$reader, $first]) {
        stream_get_contents($reader) === substr($content, $first, (int) $length) || exit("other bytes for reader $n\n");
        fclose($reader);
    }
    echo "all have ended\n";
    PHP;

/** Bytes of a process that no other one shares. */
function memory_of(int $pid): int
{
    preg_match('~^Private_Dirty: +(\d+) kB~m', (string) file_get_contents("/proc/{$pid}/smaps_rollup"), $found) || fail("no memory of {$pid}");

    return (int) $found[1] << 10;
}

test('10,000 slow readers cost memory by the thousand', function (Sandbox $sandbox): void {
    $sandbox->velox()->script(['size' => 2 << 20]);
    $code = <<<'PHP'
        report('file', Pillion\Velox\build(configuration('large'))->wait(30)->path);
        $client = ['method' => 'GET', 'uri' => '/', 'headers' => []];
        report('link', Pillion\Velox\response(configuration('large'), $client)['headers']['Location'] ?? null);
        PHP;
    $lock = $sandbox->lockOfServer();
    $worker = $sandbox->php($code, ini: ['pillion.delivery' => 'ticket', 'pillion.delivery_url' => 'http://x']);
    $file = $worker->receive('file');
    $path = substr((string) $worker->receive('link'), strlen('http://x'));
    fclose($lock);
    // The server takes one descriptor for each reader, and a reader one more in its own process.
    $limit = (int) shell_exec('ulimit -Hn') ?: PHP_INT_MAX;
    $count = intdiv(min(READERS, $limit - 500), READER_PROCESSES);
    $socket = $sandbox->directory . '/slow.sock';
    $settings = [];
    foreach ($sandbox->settings() as $name => $value) {
        array_push($settings, '-d', "{$name}={$value}");
    }
    $server = $sandbox->start('pillion serve', [
        (string) getenv('PILLION_BIN'), 'serve', '--listen', '127.0.0.1:0', '--listen', "unix:{$socket}", '-d', 'serve_write_timeout=1h', ...$settings,
    ]);
    preg_match('~^listening on (http://\S+)$~', (string) $server->line(), $found) || fail('it does not listen: ' . $server->errors());
    $before = memory_of($server->pid);
    file_put_contents($program = $sandbox->directory . '/slow.php', READ_SLOWLY);
    $readers = [];
    for ($n = 0; $n < READER_PROCESSES; ++$n) {
        $command = ['sh', '-c', 'ulimit -n $(ulimit -Hn); exec "$0" "$@"', PHP_BINARY, '-n', '-d', 'memory_limit=-1', $program];
        $readers[] = $sandbox->start("readers {$n}", [...$command, $socket, $path, $file, (string) $count, (string) PART]);
    }
    foreach ($readers as $reader) {
        same('all have begun', $reader->line(120.0));
    }
    same('ok', Http::decode(Http::get("{$found[1]}/health"))['status']);
    $each = intdiv(memory_of($server->pid) - $before, $count * READER_PROCESSES);
    is_true($each < MEMORY_OF_A_READER, "{$each} bytes for each reader");
    foreach ($readers as $reader) {
        $reader->writeLine();
    }
    foreach ($readers as $reader) {
        same('all have ended', $reader->line(120.0));
        same('ok', Http::decode(Http::get("{$found[1]}/health"))['status']);
    }
});
