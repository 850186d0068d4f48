<?php

// Object storage behind the gateway: SeaweedFS, which checks signatures, conditions and checksums.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

test('the URL of an upload stores its own bytes, once, and only with its condition', function (Sandbox $sandbox): void {
    $gateway = new Gateway($sandbox, (new ObjectStorage($sandbox))->environment());
    same([
        'without headers' => 403,
        'without the condition' => 403,
        'without the checksum' => 403,
        'another condition' => 403,
        'other bytes' => 400,
        'more bytes' => 403,
        'another key' => 403,
        'another method' => 403,
        'a copy' => 403,
        'right' => 200,
        'again' => 412,
    ], python($sandbox, 'misuse', $gateway->url));
});

test('a URL has no effect after its lifetime', function (Sandbox $sandbox): void {
    $gateway = new Gateway($sandbox, (new ObjectStorage($sandbox))->environment(), ['s3_url_lifetime' => '1s']);
    same([403, 403], python($sandbox, 'expired', $gateway->url));
});

test('boto3 uses the URLs, and reads the objects', function (Sandbox $sandbox): void {
    $storage = new ObjectStorage($sandbox);
    $gateway = new Gateway($sandbox, $storage->environment(), ['hmac_secret' => 'secret']);
    same([
        'stored' => 200, 'received' => true, 'part' => 'by bot', 'checksum' => true, 'second' => 412, 'foreign' => 404,
    ], python($sandbox, 'amazons-client', $gateway->url, $storage->url));
});

test('minio-go uses the URLs, reads the objects, and signs an upload alike', function (Sandbox $sandbox): void {
    $storage = new ObjectStorage($sandbox);
    $gateway = new Gateway($sandbox, $storage->environment());
    $client = $sandbox->start('minio_client', [(string) getenv('MINIO_CLIENT'), $gateway->url, $storage->url, ACCESS_KEY, SECRET_KEY]);
    same(0, $client->wait(), $client->errors());
    same([
        'again' => 412, 'checksum' => true, 'received' => true, 'record' => true, 'second' => 412,
        'signed headers' => 'content-length;host;if-none-match;x-amz-checksum-sha256;x-amz-meta-sha256',
        'signs as we do' => true, 'stored' => 200,
    ], json_decode($client->output(), true, flags: JSON_THROW_ON_ERROR));
});

test('an artifact goes through the gateway where clients get no URL of the storage', function (Sandbox $sandbox): void {
    $storage = new ObjectStorage($sandbox);
    $gateway = new Gateway($sandbox, $storage->environment(), ['s3_url_lifetime' => '0', 's3_prefix' => 'below/']);
    same(['stored' => 200, 'status' => 200, 'same' => true], python($sandbox, 'upload', $gateway->url, 'large', (string) (200 << 20)));
    same(['below/trusted/v1/large', 'other'], python($sandbox, 'objects', $storage->url));
    $peak = $gateway->peakMemory();
    note("peak of the gateway's memory: {$peak} KiB");
    is_true($peak < 64 << 10, "the gateway takes {$peak} KiB");
});

test('a full bucket is cleaned, and objects of others stay', function (Sandbox $sandbox): void {
    $storage = new ObjectStorage($sandbox);
    $gateway = new Gateway($sandbox, $storage->environment(), ['max_size' => '3', 's3_prefix' => 'below/']);
    foreach (['one', 'two', 'three'] as $key) {
        same(200, python($sandbox, 'upload', $gateway->url, $key, (string) (2 << 20))['stored']);
    }
    eventually('one artifact is left', fn (): bool => count(python($sandbox, 'objects', $storage->url)) === 2, 30);
    is_true(in_array('other', python($sandbox, 'objects', $storage->url), true), 'the object of another program is gone');
});

test('no writer reaches a reader beside its own namespace', function (Sandbox $sandbox): void {
    $gateway = new Gateway($sandbox, (new ObjectStorage($sandbox))->environment());
    $table = python($sandbox, 'trust', $gateway->url);
    // Who reads the artifacts of whom.
    same([
        'trusted' => ['trusted', 'pr-1', 'pr-2', 'read'],
        'pr-1' => ['pr-1'],
        'pr-2' => ['pr-2'],
        'read' => [],
    ], $table['own keys']);
    // All write one key, the untrusted ones first.
    same(['trusted' => 'trusted', 'pr-1' => 'pr-1', 'pr-2' => 'pr-2', 'read' => 'trusted'], $table['one key']);
});
