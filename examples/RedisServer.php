<?php

declare(strict_types=1);

/**
 * A Redis server for one example, on a socket, without files. The environment variable REDIS names its program
 * (`scripts/hosts/redis.sh` installs one and prints its path).
 */
final class RedisServer
{
    /** @var resource|null */
    private $process;

    public function __construct(private readonly string $socket)
    {
        $this->start();
    }

    public function start(): void
    {
        $command = [(string) getenv('REDIS'), '--port', '0', '--unixsocket', $this->socket, '--save', '', '--appendonly', 'no'];
        $silent = ['file', '/dev/null', 'w'];
        $this->process = proc_open($command, [1 => $silent, 2 => $silent], $pipes, sys_get_temp_dir())
            ?: throw new RuntimeException('Redis does not start');
        for ($end = microtime(true) + 30; $this->connect() === null; usleep(10_000)) {
            if (microtime(true) > $end) {
                throw new RuntimeException('Redis does not start within 30 seconds');
            }
        }
    }

    public function kill(): void
    {
        if ($this->process !== null) {
            proc_terminate($this->process, SIGKILL);
            proc_close($this->process);
            $this->process = null;
        }
    }

    /** The bytes that Redis has for a key, as any client reads them. */
    public function get(string $key): ?string
    {
        $connection = $this->connect() ?? throw new RuntimeException('Redis does not answer');
        fwrite($connection, "GET $key\r\n");
        $length = (int) substr((string) fgets($connection), 1);
        $value = $length < 0 ? null : (string) stream_get_contents($connection, $length);
        fclose($connection);

        return $value;
    }

    public function __destruct()
    {
        $this->kill();
        if (file_exists($this->socket)) {
            unlink($this->socket);
        }
    }

    /** @return resource|null */
    private function connect()
    {
        $connection = @stream_socket_client("unix://$this->socket", $code, $message, 5);

        return $connection === false ? null : $connection;
    }
}
