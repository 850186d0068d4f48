<?php

// Object storage that fails, by a proxy before SeaweedFS: its errors, its silence, connections that break off, and a
// gateway that is killed in an upload; and uses and ages of objects, which no test can wait for.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** The proxy, which fails on demand. */
final class FaultyStorage
{
    public readonly string $url;
    private readonly string $mode;

    public function __construct(Sandbox $sandbox, ObjectStorage $storage)
    {
        $this->mode = $sandbox->directory . '/mode';
        $this->fail('ok');
        $proxy = $sandbox->start('faulty_storage.py', [getenv('S3') . '/venv/bin/python', __DIR__ . '/faulty_storage.py', $storage->url, $this->mode]);
        $this->url = $proxy->line() ?? fail('no proxy: ' . $proxy->errors());
    }

    /** Sets the failure; see faulty_storage.py. */
    public function fail(string $mode): void
    {
        file_put_contents("{$this->mode}.new", $mode);
        rename("{$this->mode}.new", $this->mode);
    }

    public function mode(): string
    {
        return trim((string) file_get_contents($this->mode));
    }
}

/** @return array{FaultyStorage, \Closure(array<string, string>=): Gateway, ObjectStorage} the proxy, a function that starts a gateway behind it, the storage */
function behind_proxy(Sandbox $sandbox): array
{
    $storage = new ObjectStorage($sandbox);
    $proxy = new FaultyStorage($sandbox, $storage);
    $temporary = $sandbox->directory . '/tmp';
    mkdir($temporary);

    return [$proxy, static fn (array $settings = []): Gateway => new Gateway(
        $sandbox,
        ['VC_S3_ENDPOINT' => $proxy->url, 'TMPDIR' => $temporary] + $storage->environment(),
        $settings + ['s3_timeout' => '1s', 's3_url_lifetime' => '0'],
    ), $storage];
}

test('a storage that fails is an error and no miss, and works when it is back', function (Sandbox $sandbox): void {
    [$storage, $start] = behind_proxy($sandbox);
    $gateway = $start();
    same(200, put($gateway->url, 'before', 'bytes'));
    foreach (['403', '500', '503', 'silent'] as $mode) {
        $storage->fail($mode);
        same(503, request('GET', $gateway->url, 'before')[0], "GET, {$mode}");
        same(503, request('GET', $gateway->url, 'absent')[0], "GET of an absent key, {$mode}");
        same(503, negotiate($gateway->url, 'download', 'before')[0], "download, {$mode}");
        same(503, negotiate($gateway->url, 'upload', 'absent')[0], "upload, {$mode}");
        same(503, put($gateway->url, "of-{$mode}", 'bytes'), "PUT, {$mode}");
        same(200, Http::get("{$gateway->url}/health")['status']);
        $storage->fail('ok');
        same([200, 'bytes'], request('GET', $gateway->url, 'before'));
        same(404, request('GET', $gateway->url, "of-{$mode}")[0]);
        same(200, put($gateway->url, "of-{$mode}", 'bytes'));
    }
});

test('a connection that breaks off at the storage leaves nothing half', function (Sandbox $sandbox): void {
    [$storage, $start] = behind_proxy($sandbox);
    $gateway = $start();
    $bytes = random_bytes(4 << 20);
    // Repeated, and stored.
    $storage->fail('cut-upload 1');
    same(200, put($gateway->url, 'repeated', $bytes));
    same('ok', $storage->mode());
    is_true(request('GET', $gateway->url, 'repeated') === [200, $bytes], 'other bytes');
    // Given up.
    $storage->fail('cut-upload 3');
    same(503, put($gateway->url, 'given-up', $bytes));
    same(404, request('GET', $gateway->url, 'given-up')[0]);
    same(200, put($gateway->url, 'given-up', $bytes));
    // A part of an artifact does not look like all of it.
    $storage->fail('cut-download');
    same('IncompleteRead', python($sandbox, 'incomplete', $gateway->url, 'repeated'));
    $storage->fail('ok');
    is_true(request('GET', $gateway->url, 'repeated') === [200, $bytes], 'other bytes');
});

test('a gateway killed in an upload to the storage leaves nothing', function (Sandbox $sandbox): void {
    [$storage, $start] = behind_proxy($sandbox);
    $gateway = $start();
    $storage->fail('slow-upload');
    $upload = begin_python($sandbox, 'upload', $gateway->url, 'killed', (string) (16 << 20));
    eventually('all bytes are at the gateway', fn (): bool => bytes_in($gateway) === 16 << 20, 30);
    usleep(500_000);
    same(false, $upload->hasEnded(), 'the upload has ended');
    $gateway->process->kill();
    $upload->wait();
    $storage->fail('ok');
    same([], names_below($sandbox->directory . '/tmp'), 'files of the upload');
    $gateway = $start();
    same(404, request('GET', $gateway->url, 'killed')[0]);
    same(200, put($gateway->url, 'killed', 'bytes'));
    same([200, 'bytes'], request('GET', $gateway->url, 'killed'));
});

test('a used object is renewed and stays, an unused one expires', function (Sandbox $sandbox): void {
    [$storage, $start, $seaweed] = behind_proxy($sandbox);
    $gateway = $start();
    foreach (['used', 'unused'] as $key) {
        same(200, put($gateway->url, $key, "bytes of {$key}"));
    }
    $before = python($sandbox, 'changed', $seaweed->url, 'trusted/v1/used');
    // The storage's times have seconds.
    sleep(2);
    $storage->fail('aged ' . ($before + 2));
    same([200, 'bytes of used'], request('GET', $gateway->url, 'used'));
    eventually('it is copied onto itself', fn (): bool => python($sandbox, 'changed', $seaweed->url, 'trusted/v1/used') > $before, 30);
    $cleaning = $start(['retention_days' => '7']);
    eventually('one object is removed', fn (): bool => str_contains($cleaning->process->errors(), 'cleanup completed'), 30);
    is_true(str_contains($cleaning->process->errors(), 'expired_removed=1 lru_removed=0'), $cleaning->process->errors());
    same([200, 'bytes of used'], request('GET', $gateway->url, 'used'));
    same(404, request('GET', $gateway->url, 'unused')[0]);
    same(412, put($gateway->url, 'used', 'other'));
    same(200, put($gateway->url, 'unused', 'again'));
});

/** Bytes of uploads that a gateway has received. */
function bytes_in(Gateway $gateway): int
{
    preg_match('/^vc_proxy_bytes_total\{direction="in"\} (\S+)$/m', Http::get("{$gateway->url}/metrics")['body'], $found);

    return (int) (float) ($found[1] ?? 0);
}
