<?php

declare(strict_types=1);

/**
 * A Bugsink for one example: an error tracker that speaks Sentry's protocol and stores events in SQLite. The
 * environment variable BUGSINK names its directory (`scripts/hosts/bugsink.sh` installs it and prints the directory).
 */
final class Bugsink
{
    public readonly string $dsn;
    private readonly string $home;
    private readonly string $directory;
    /** @var resource */
    private $process;
    /** @var array<int, resource> */
    private array $pipes = [];

    public function __construct()
    {
        $this->home = (string) getenv('BUGSINK');
        if (!is_file("$this->home/venv/bin/python")) {
            throw new RuntimeException('BUGSINK names no Bugsink: run `make demo-sentry`, or BUGSINK=$(scripts/hosts/bugsink.sh) php examples/sentry.php');
        }
        $this->directory = sys_get_temp_dir() . '/bugsink-' . bin2hex(random_bytes(6));
        $command = $this->command("$this->home/template", $this->directory);
        $log = ['file', "$this->directory.log", 'w'];
        $this->process = proc_open($command, [['pipe', 'r'], ['pipe', 'w'], $log], $this->pipes)
            ?: throw new RuntimeException('Bugsink does not start');
        $line = (string) fgets($this->pipes[1]);
        if (!str_starts_with($line, 'listening ')) {
            throw new RuntimeException("Bugsink does not start: $line" . file_get_contents("$this->directory.log"));
        }
        $this->dsn = trim(substr($line, 10));
    }

    /** @return list<array<string, mixed>> the events in its database, the oldest first */
    public function events(): array
    {
        $process = proc_open($this->command('--events', $this->directory), [1 => ['pipe', 'w']], $pipes);
        $rows = json_decode((string) stream_get_contents($pipes[1]), true, 512, JSON_THROW_ON_ERROR);
        proc_close($process);

        return $rows;
    }

    /** @return list<array<string, mixed>> all events, as soon as there are that many */
    public function await(int $count, float $seconds = 60.0): array
    {
        $deadline = microtime(true) + $seconds;
        while (count($events = $this->events()) < $count) {
            if (microtime(true) > $deadline) {
                throw new RuntimeException(sprintf('%d of %d events within %.0f seconds; Bugsink says: %s', count($events), $count, $seconds, file_get_contents("$this->directory.log")));
            }
            usleep(100_000);
        }

        return $events;
    }

    /** The server exits at the end of its standard input. */
    public function __destruct()
    {
        fclose($this->pipes[0]);
        proc_close($this->process);
        array_map(unlink(...), [...array_filter(glob("$this->directory/*") ?: [], is_file(...)), "$this->directory.log"]);
        foreach (glob("$this->directory/*") ?: [] as $left) {
            array_map(unlink(...), glob("$left/*") ?: []);
            rmdir($left);
        }
        rmdir($this->directory);
    }

    /** @return list<string> */
    private function command(string ...$arguments): array
    {
        return ["$this->home/venv/bin/python", dirname(__DIR__) . '/scripts/hosts/bugsink/serve.py', ...$arguments];
    }
}
