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
    eventually('the worker leads', fn (): bool => ask($worker, 'steward'));
    $first = server($sandbox);
    $url = address($first);
    eventually('the worker has handed over', fn (): bool => leads($url) && !ask($worker, 'steward'));
    $second = server($sandbox);
    same('stand-by: another process serves', $second->line());
    $first->kill();
    $url = address($second);
    eventually('the stand-by leads', fn (): bool => leads($url));
    same(false, ask($worker, 'steward'));
    same(true, ask($worker, 'build two')['good'] ?? null);
    $second->kill();
    same(true, ask($worker, 'build three')['good'] ?? null);
    eventually('the worker leads again', fn (): bool => ask($worker, 'steward'));
});

test('a download that a kill has cut is resumed at the next server', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    $velox->script(['size' => 24 << 20]);
    $code = <<<'PHP'
        report('link', outcome(function () {
            Pillion\Velox\build(configuration('large'))->wait(30);
            $answer = Pillion\Velox\response(configuration('large'), ['method' => 'GET', 'uri' => '/', 'headers' => []]);
            return $answer['headers']['Location'] ?? $answer['headers']['location'] ?? $answer;
        }));
        PHP;
    $worker = $sandbox->php($code, ini: ['pillion.delivery' => 'ticket', 'pillion.delivery_url' => 'http://x']);
    $link = $worker->receive('link');
    $path = is_string($link) ? substr($link, strlen('http://x')) : fail('no ticket: ' . show($link));
    $first = server($sandbox);
    $url = address($first);
    $second = server($sandbox);
    same('stand-by: another process serves', $second->line());
    $whole = Http::get($url . $path)['body'];
    same(24 << 20, strlen($whole));
    $client = stream_socket_client('tcp://' . substr($url, 7));
    fwrite($client, "GET {$path} HTTP/1.1\r\nHost: x\r\n\r\n");
    $received = fread($client, 65536);
    $first->kill();
    $received .= stream_get_contents($client);
    $received = explode("\r\n\r\n", $received, 2)[1];
    $count = strlen($received);
    is_true($count < 24 << 20, 'the kill has cut the download');
    $handle = curl_init(address($second) . $path);
    curl_setopt_array($handle, [CURLOPT_RETURNTRANSFER => true, CURLOPT_RANGE => "{$count}-", CURLOPT_PROXY => '', CURLOPT_TIMEOUT => 30]);
    $rest = curl_exec($handle);
    same(206, curl_getinfo($handle, CURLINFO_RESPONSE_CODE));
    is_true($received . $rest === $whole, 'both parts are the binary');
});
