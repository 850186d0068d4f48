<?php

// Shared by the tests of the gateway: it, object storage, and a client in Python that sends many requests at once.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/mounts.php';

const TOKENS = "trusted trusted\nwrite:pr-1 pr-1\nwrite:pr-2 pr-2\nread read\n";
const ACCESS_KEY = 'AKIDTEST';
const SECRET_KEY = 'secret-of-the-test';

/** A SeaweedFS that checks signatures, with the bucket `artifacts`. */
final class ObjectStorage
{
    public readonly string $url;
    public readonly Process $process;

    public function __construct(Sandbox $sandbox)
    {
        $config = $sandbox->directory . '/s3.json';
        file_put_contents($config, json_encode(['identities' => [[
            'name' => 'gateway',
            'credentials' => [['accessKey' => ACCESS_KEY, 'secretKey' => SECRET_KEY]],
            'actions' => ['Admin', 'Read', 'Write', 'List'],
        ]]]));
        mkdir($sandbox->directory . '/s3');
        $ports = [];
        foreach (['master.port', 'master.port.grpc', 'volume.port', 'volume.port.grpc', 'filer.port', 'filer.port.grpc', 's3.port', 's3.port.grpc'] as $name) {
            $ports[$name] = free_port();
        }
        $arguments = array_map(static fn (string $name, int $port): string => "-{$name}={$port}", array_keys($ports), $ports);
        $this->process = $sandbox->start('weed', [
            getenv('S3') . '/weed', '-logtostderr=true', 'server', "-dir={$sandbox->directory}/s3", '-ip=127.0.0.1', '-ip.bind=127.0.0.1', '-s3', ...$arguments,
            '-s3.port.iceberg=0', '-s3.port.lance=0', "-s3.config={$config}", '-volume.max=50', '-volume.minFreeSpace=16MiB', '-master.volumeSizeLimitMB=128', '-master.telemetry=false',
        ]);
        $this->url = "http://127.0.0.1:{$ports['s3.port']}";
        eventually('the object storage answers', fn (): bool => Http::get($this->url, 2)['status'] !== 0, 60);
        eventually('the bucket exists', fn (): bool => python($sandbox, 'bucket', $this->url) === true, 60);
    }

    /** @return array<string, string> the documented variables */
    public function environment(): array
    {
        return [
            'VC_STORAGE_DRIVER' => 's3', 'VC_S3_BUCKET' => 'artifacts', 'VC_S3_ENDPOINT' => $this->url,
            'AWS_ACCESS_KEY_ID' => ACCESS_KEY, 'AWS_SECRET_ACCESS_KEY' => SECRET_KEY, 'AWS_REGION' => 'us-east-1',
        ];
    }
}

/** A gateway, and its URL. */
final class Gateway
{
    public readonly string $url;
    public readonly Process $process;

    /**
     * @param array<string, string> $environment
     * @param array<string, string> $settings names without `gateway_`
     */
    public function __construct(Sandbox $sandbox, array $environment = [], array $settings = [])
    {
        $tokens = $sandbox->directory . '/tokens';
        file_put_contents($tokens, TOKENS);
        $arguments = ['-d', "gateway_token_file={$tokens}"];
        foreach ($settings as $name => $value) {
            array_push($arguments, '-d', "gateway_{$name}={$value}");
        }
        $environment += ['VC_LOCAL_ROOT' => $sandbox->directory . '/artifacts'];
        $command = [(string) getenv('PILLION_BIN'), 'gateway', '--listen', '127.0.0.1:0', ...$arguments];
        $this->process = $sandbox->start('pillion gateway', $command, $environment);
        preg_match('~^listening on (http://\S+)$~', (string) $this->process->line(), $found) || fail('no gateway: ' . $this->process->errors());
        $this->url = $found[1];
    }

    /** The largest resident memory in KiB. */
    public function peakMemory(): int
    {
        preg_match('/^VmHWM:\s+(\d+)/m', (string) file_get_contents("/proc/{$this->process->pid}/status"), $found);

        return (int) ($found[1] ?? 0);
    }
}

/** Runs a command of client.py; returns its result. */
function python(Sandbox $sandbox, string $command, string ...$arguments): mixed
{
    $process = begin_python($sandbox, $command, ...$arguments);
    $output = '';
    $code = $process->wait(300);
    $output = $process->output();
    same(0, $code, "client.py {$command}: " . $process->errors());

    return json_decode($output, true, flags: JSON_THROW_ON_ERROR);
}

function begin_python(Sandbox $sandbox, string $command, string ...$arguments): Process
{
    return $sandbox->start("client {$command}", [getenv('S3') . '/venv/bin/python', __DIR__ . '/client.py', $command, ...$arguments]);
}

/** Status of a PUT of these bytes. */
function put(string $url, string $key, string $bytes): int
{
    return request('PUT', $url, $key, $bytes)[0];
}

/** @return array{int, string} status and body of a request through the gateway */
function request(string $method, string $url, string $key, string $bytes = ''): array
{
    return send($method, "{$url}/v1/proxy/blob/{$key}", $bytes);
}

/** @return array{int, string} status and body of a negotiation */
function negotiate(string $url, string $action, string $key): array
{
    return send('POST', "{$url}/v1/negotiate", json_encode(['action' => $action, 'hash' => $key]));
}

/** @return array{int, string} */
function send(string $method, string $url, string $bytes): array
{
    $context = stream_context_create(['http' => [
        'method' => $method, 'header' => ['Authorization: Bearer trusted', 'Content-Type: application/octet-stream'], 'content' => $bytes, 'ignore_errors' => true, 'timeout' => 60,
    ]]);
    $http_response_header = [];
    $body = @file_get_contents($url, false, $context);

    return [(int) explode(' ', $http_response_header[0] ?? ' 0')[1], (string) $body];
}
