<?php

// RoadRunner with PHP workers behind pipes. application.php has its answers.

declare(strict_types=1);

namespace Pillion\Tests;

final class RoadRunner
{
    public readonly Process $process;
    public readonly int $pid;
    private readonly string $address;
    private readonly string $rpc;
    private int $calls = 0;

    /**
     * @param array{workers?: int, pool?: string, http?: string, sections?: string, script?: string, log?: string, relay?: string} $options
     *        workers, more lines of http.pool and of http, more sections, the script in the place of roadrunner/app.php, the log
     *        level (`info`: includes the workers' standard error), and the relay in the place of pipes
     * @param array<string, string> $ini settings of the workers in addition to those of the sandbox
     */
    public function __construct(Sandbox $sandbox, array $options = [], array $ini = [])
    {
        $this->address = '127.0.0.1:' . free_port();
        $this->rpc = '127.0.0.1:' . free_port();
        $file = $sandbox->directory . '/.rr.yaml';
        file_put_contents($file, $this->config($sandbox->phpCommand($ini), $options));
        $this->process = $sandbox->start('rr', [getenv('RR'), 'serve', '-c', $file]);
        $this->pid = $this->process->pid;
        eventually('RoadRunner answers', fn (): bool => $this->process->hasEnded()
            ? fail('RoadRunner has ended') : Http::get($this->url('hello'), 5)['status'] === 200, 30);
    }

    public function url(string $what, string ...$query): string
    {
        return "http://{$this->address}/{$what}" . ($query === [] ? '' : '?' . http_build_query($query));
    }

    /** A worker's decoded answer. */
    public function ask(string $what, string ...$query): mixed
    {
        return Http::decode(Http::get($this->url($what, ...$query)));
    }

    /** @return list<int> */
    public function workers(): array
    {
        return children($this->pid);
    }

    /** Ends all workers, after their current requests, and starts new ones. */
    public function reset(): void
    {
        same('true', $this->call('resetter.Reset', 'http'));
    }

    /** A remote call in Goridge's format, with JSON. */
    private function call(string $method, mixed $argument): string
    {
        $socket = stream_socket_client("tcp://{$this->rpc}", $code, $message, 5);
        stream_set_timeout($socket, 30);
        $payload = $method . json_encode($argument);
        $head = pack('CCV', 0x15, 0x08, strlen($payload));
        fwrite($socket, $head . pack('V', crc32($head)) . "\0\0" . pack('VV', ++$this->calls, strlen($method)) . $payload);
        ['flags' => $flags, 'length' => $length] = unpack('Csize/Cflags/Vlength', stream_get_contents($socket, 20));
        $answer = substr(stream_get_contents($socket, $length), strlen($method));
        ($flags & 0x40) === 0 || fail("{$method}: {$answer}");

        return trim($answer);
    }

    /** @param list<string> $php */
    private function config(array $php, array $options): string
    {
        $command = json_encode([...$php, $options['script'] ?? dirname(__DIR__) . '/roadrunner/app.php'], JSON_UNESCAPED_SLASHES);
        $workers = $options['workers'] ?? 2;
        $pool = $options['pool'] ?? '';
        $http = $options['http'] ?? '';
        $sections = $options['sections'] ?? '';
        $log = $options['log'] ?? 'warn';
        $relay = $options['relay'] ?? 'pipes';

        return <<<YAML
            version: "3"
            server:
              command: {$command}
              relay: {$relay}
            http:
              address: {$this->address}
              {$http}
              pool:
                num_workers: {$workers}
                {$pool}
            rpc:
              listen: tcp://{$this->rpc}
            logs:
              level: {$log}
              output: stderr
              err_output: stderr
            {$sections}
            YAML;
    }
}
