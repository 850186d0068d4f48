<?php

// Kills, a full disk, and an artifact of two gigabytes.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';
in_own_mounts(__FILE__);

/** @return list<string> */
function artifacts(string $directory): array
{
    return array_values(array_filter(names_below($directory), fn (string $path): bool => is_file("{$directory}/{$path}") || is_file($path)));
}

test('a killed gateway leaves nothing half, and the next one goes on', function (Sandbox $sandbox): void {
    $root = $sandbox->directory . '/artifacts';
    for ($kills = 0; $kills < 5; $kills++) {
        $gateway = new Gateway($sandbox);
        $uploads = [];
        for ($number = 0; $number < 4; $number++) {
            $uploads[] = begin_python($sandbox, 'endless', $gateway->url, "key-{$number}");
        }
        foreach ($uploads as $upload) {
            same('sending', $upload->line());
        }
        usleep(random_int(10_000, 200_000));
        same(200, put($gateway->url, "whole-{$kills}", 'bytes'));
        $gateway->process->kill();
        array_map(fn (Process $upload): int => $upload->wait(), $uploads);
        same($kills + 1, count(artifacts($root)), 'files: ' . implode(' ', artifacts($root)));
    }
    $gateway = new Gateway($sandbox);
    same(404, request('GET', $gateway->url, 'key-0')[0]);
    same(200, put($gateway->url, 'key-0', 'bytes'));
    same(200, request('GET', $gateway->url, 'whole-0')[0]);
});

test('a full disk costs an upload alone; it is stored when there is space again', function (Sandbox $sandbox): void {
    $disk = Mount::tmpfs("{$sandbox->directory}/artifacts", 'size=8m');
    $gateway = new Gateway($sandbox);
    same(200, put($gateway->url, 'before', str_repeat('x', 1 << 20)));
    $disk->leaveFree(1 << 20);
    same(507, put($gateway->url, 'large', str_repeat('x', 2 << 20)));
    same(404, request('GET', $gateway->url, 'large')[0]);
    same(200, request('GET', $gateway->url, 'before')[0]);
    $disk->free();
    same(200, put($gateway->url, 'large', str_repeat('x', 2 << 20)));
});

test('an artifact of two gigabytes passes through 32 MiB of memory', function (Sandbox $sandbox): void {
    $gateway = new Gateway($sandbox);
    same(['stored' => 200, 'status' => 200, 'same' => true], python($sandbox, 'upload', $gateway->url, 'large', (string) (2 << 30)));
    $peak = $gateway->peakMemory();
    note("peak of the gateway's memory: {$peak} KiB");
    is_true($peak <= 32 << 10, "the gateway takes {$peak} KiB");
});

test('a gateway beyond this machine needs a token', function (Sandbox $sandbox): void {
    $start = static fn (array $environment, string ...$arguments): Process => $sandbox->start('pillion gateway', [
        (string) getenv('PILLION_BIN'), 'gateway', ...$arguments,
    ], $environment + ['VC_LOCAL_ROOT' => $sandbox->directory . '/artifacts']);
    $refused = $start([], '--listen', '0.0.0.0:0');
    same(1, $refused->wait());
    is_true(str_contains($refused->errors(), 'VC_AUTH_TOKEN'), $refused->errors());
    $program = $sandbox->directory . '/velocity-server';
    symlink((string) getenv('PILLION_BIN'), $program);
    $port = (string) free_port();
    $server = $sandbox->start('velocity-server', [$program], [
        'VC_LOCAL_ROOT' => $sandbox->directory . '/artifacts', 'VC_PORT' => $port, 'VC_AUTH_TOKEN' => 'trusted', 'VC_STORAGE_DRIVER' => 'local',
    ]);
    same("listening on http://[::]:{$port}", $server->line());
    same(200, put("http://127.0.0.1:{$port}", 'key', 'bytes'));
    $server->signal(SIGTERM);
    same(0, $server->wait());
});
