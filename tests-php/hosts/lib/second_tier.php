<?php

// The server of the second tier, and the processes of hosts before it.

declare(strict_types=1);

namespace Pillion\Tests;

use Closure;

/** Starts the server of the second tier, and makes it a setting of the sandbox. */
function start_server(Sandbox $sandbox, string $program): Process
{
    $socket = $sandbox->directory . '/server.sock';
    $server = $sandbox->start('server', [$program, '--port', '0', '--unixsocket', $socket, '--save', '', '--daemonize', 'no']);
    eventually('the server answers', fn (): bool => command($sandbox, 'PING') === '+PONG');
    $sandbox->set('cache_url', "unix:{$socket}");
    // Enough for a machine with other work.
    $sandbox->set('cache_timeout_ms', '10000');

    return $server;
}

/** As start_server(), with a proxy before it. Returns the server and the proxy. */
function start_behind_proxy(Sandbox $sandbox, string $program, string ...$options): array
{
    $server = start_server($sandbox, $program);
    $socket = $sandbox->directory . '/proxy.sock';
    $proxy = $sandbox->start('proxy', [(string) getenv('FAKE_REDIS'), ...$options, $socket, $sandbox->directory . '/server.sock']);
    same('listening', $proxy->line());
    $sandbox->set('cache_url', "unix:{$socket}");

    return [$server, $proxy];
}

/** The first line of the server's answer; empty: it does not answer. */
function command(Sandbox $sandbox, string ...$words): string
{
    $stream = @stream_socket_client("unix://{$sandbox->directory}/server.sock", $code, $message, 1);
    if ($stream === false) {
        return '';
    }
    stream_set_timeout($stream, 1);
    $text = '*' . count($words) . "\r\n";
    foreach ($words as $word) {
        $text .= '$' . strlen($word) . "\r\n{$word}\r\n";
    }
    fwrite($stream, $text);
    $line = rtrim((string) fgets($stream));

    return $line !== '' && $line[0] === '$' ? rtrim((string) fgets($stream)) : $line;
}

/** A process of a host; it runs each line as PHP code and reports the value. Returns the function that does so. */
function on_host(Sandbox $sandbox, array $ini = []): Closure
{
    $process = $sandbox->php('while ($line = ready()) report("value", eval("use Pillion\Cache; return {$line};"));', ini: $ini);

    return static function (string $code) use ($process): mixed {
        $process->receive('ready');
        $process->writeLine($code);

        return $process->receive('value');
    };
}
