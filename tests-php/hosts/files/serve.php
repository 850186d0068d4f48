<?php

// The standing server among workers: the leader hands over to it, a stand-by follows it, and workers go on without it.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** Starts `pillion serve` with the settings of the sandbox. */
function server(Sandbox $sandbox): Process
{
    $settings = [];
    foreach ($sandbox->settings() as $name => $value) {
        array_push($settings, '-d', "{$name}={$value}");
    }

    return $sandbox->start('pillion serve', [(string) getenv('PILLION_BIN'), 'serve', '--listen', '127.0.0.1:0', ...$settings]);
}

/** The address of a server that has started. */
function address(Process $server): string
{
    preg_match('~^listening on (http://\S+)$~', (string) $server->line(), $found) || fail('it does not listen: ' . $server->errors());

    return $found[1];
}

/** Whether a server is the leader. */
function leads(string $url): bool
{
    return Http::decode(Http::get("{$url}/health"))['leader'];
}

test('workers and a stand-by go on when the standing server is killed', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $worker = member($sandbox);
    same(true, ask($worker, 'build one')['good'] ?? null);
    eventually('the worker leads', fn (): bool => ask($worker, 'leader'));
    $first = server($sandbox);
    $url = address($first);
    eventually('the worker has handed over', fn (): bool => leads($url) && !ask($worker, 'leader'));
    $second = server($sandbox);
    same('stand-by: another process serves', $second->line());
    $first->kill();
    $url = address($second);
    eventually('the stand-by leads', fn (): bool => leads($url));
    same(false, ask($worker, 'leader'));
    same(true, ask($worker, 'build two')['good'] ?? null);
    $second->kill();
    same(true, ask($worker, 'build three')['good'] ?? null);
    eventually('the worker leads again', fn (): bool => ask($worker, 'leader'));
});

test('a download that kills cut again and again is resumed at the next server', function (Sandbox $sandbox): void {
    $size = 64 << 20;
    $sandbox->velox()->script(['size' => $size]);
    $code = <<<'PHP'
        report('sha256', outcome(fn () => Pillion\Velox\build(configuration('large'))->wait(30)->sha256));
        $client = ['method' => 'GET', 'uri' => '/', 'headers' => []];
        report('link', Pillion\Velox\response(configuration('large'), $client)['headers']['Location'] ?? null);
        PHP;
    $lock = $sandbox->lockOfServer();
    $worker = $sandbox->php($code, ini: ['pillion.delivery' => 'ticket', 'pillion.delivery_url' => 'http://x']);
    $sha256 = $worker->receive('sha256');
    $path = substr((string) $worker->receive('link'), strlen('http://x'));
    fclose($lock);
    $received = '';
    $server = server($sandbox);
    for ($kills = 0; strlen($received) < $size; $kills++) {
        $url = address($server);
        $next = server($sandbox);
        same('stand-by: another process serves', $next->line());
        $client = stream_socket_client('tcp://' . substr($url, 7));
        stream_set_timeout($client, 20);
        fwrite($client, sprintf("GET %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nRange: bytes=%d-\r\n\r\n", $path, strlen($received)));
        $head = stream_get_line($client, 8192, "\r\n\r\n");
        same('HTTP/1.1 206 Partial Content', strtok((string) $head, "\r\n"));
        // The last server lives.
        $kills < 4 && $received .= stream_get_contents($client, random_int(1, 1 << 20));
        $kills < 4 && $server->kill();
        $received .= stream_get_contents($client);
        [$last, $server] = [$server, $next];
    }
    same([$size, $sha256], [strlen($received), hash('sha256', $received)]);
    is_true($kills > 2, "{$kills} servers");
});
