<?php

// A program started by a test: its lines, its end, and the kernel's data about it. It leads a process group, so that
// ending it ends all processes that it has started.

declare(strict_types=1);

namespace Pillion\Tests;

final class Process
{
    public readonly int $pid;
    public ?string $log = null;
    /** @var resource */
    private $handle;
    /** @var resource */
    private $input;
    /** @var resource */
    private $output;
    private string $unread = '';
    private string $received = '';
    private ?int $exit = null;

    /**
     * @param list<string> $command
     * @param array<string, string> $environment in addition to our own
     */
    public function __construct(
        public readonly string $name,
        array $command,
        private readonly string $errors,
        array $environment = [],
        ?string $directory = null,
    ) {
        // setsid of util-linux: the group has the program's own pid.
        $this->handle = proc_open(
            ['setsid', '--', ...$command],
            [['pipe', 'r'], ['pipe', 'w'], ['file', $errors, 'a']],
            $pipes,
            $directory,
            $environment + getenv(),
        );
        [$this->input, $this->output] = $pipes;
        stream_set_blocking($this->output, false);
        $status = proc_get_status($this->handle);
        $this->pid = $status['pid'];
        // proc_get_status() returns the exit code only once, and a short process may have ended by now.
        $this->recordExit($status);
    }

    /** Writes a line to its standard input. */
    public function writeLine(string $line = ''): void
    {
        fwrite($this->input, $line . "\n");
    }

    /** Its next line; null: it has ended without one. */
    public function line(float $seconds = 30.0): ?string
    {
        $deadline = microtime(true) + $seconds;
        while (($end = strpos($this->unread, "\n")) === false) {
            if (!$this->read($deadline)) {
                return null;
            }
        }
        $line = substr($this->unread, 0, $end);
        $this->unread = substr($this->unread, $end + 1);

        return $line;
    }

    /** The value of its next report(), which must be of that name. */
    public function receive(string $name, float $seconds = 30.0): mixed
    {
        $line = $this->line($seconds) ?? fail("{$this->name} has ended (exit code {$this->wait()}) without reporting '{$name}'");
        $report = json_decode($line, true);
        if (!is_array($report) || ($report[0] ?? null) !== $name) {
            fail("{$this->name} should report '{$name}', and printed: {$line}");
        }

        return $report[1] ?? null;
    }

    /**
     * All reports until its end, by name.
     *
     * @return array<string, list<mixed>>
     */
    public function receiveAll(float $seconds = 30.0): array
    {
        $all = [];
        while (($line = $this->line($seconds)) !== null) {
            $report = json_decode($line, true);
            is_array($report) || fail("{$this->name} printed: {$line}");
            $all[$report[0]][] = $report[1] ?? null;
        }

        return $all;
    }

    /** Its standard output so far. */
    public function output(): string
    {
        while ($this->read(microtime(true))) {
        }

        return $this->received;
    }

    /** Its standard error, and its own log. */
    public function errors(): string
    {
        return @file_get_contents($this->errors) . ($this->log === null ? '' : @file_get_contents($this->log));
    }

    /** Its exit code, or minus the signal that ended it. */
    public function wait(float $seconds = 30.0): int
    {
        $deadline = microtime(true) + $seconds;
        while (!$this->hasEnded()) {
            if (microtime(true) > $deadline) {
                fail(sprintf('%s (pid %d) has not ended within %.1f s', $this->name, $this->pid, $seconds));
            }
            usleep(5_000);
        }

        return $this->exit;
    }

    public function hasEnded(): bool
    {
        if ($this->exit === null) {
            $this->recordExit(proc_get_status($this->handle));
        }

        return $this->exit !== null;
    }

    /** @param array{running: bool, signaled: bool, termsig: int, exitcode: int} $status */
    private function recordExit(array $status): void
    {
        if (!$status['running']) {
            $this->exit = $status['signaled'] ? -$status['termsig'] : $status['exitcode'];
        }
    }

    public function signal(int $signal): void
    {
        $this->hasEnded() || posix_kill($this->pid, $signal);
    }

    public function kill(): void
    {
        $this->signal(SIGKILL);
        $this->wait();
    }

    /** Ends it and all processes that it has started. */
    public function close(): void
    {
        posix_kill(-$this->pid, SIGKILL);
        $this->wait();
        posix_kill(-$this->pid, SIGKILL);
        is_resource($this->input) && fclose($this->input);
        is_resource($this->output) && fclose($this->output);
    }

    /** Closes its standard input. */
    public function endInput(): void
    {
        fclose($this->input);
    }

    private function read(float $deadline): bool
    {
        $left = max(0.0, $deadline - microtime(true));
        $read = [$this->output];
        $none = null;
        // A signal to this process interrupts the wait; it means nothing about the program.
        $ready = @stream_select($read, $none, $none, (int) $left, (int) (fmod($left, 1) * 1e6));
        if ($ready === 0 && $left > 0.0) {
            fail(sprintf('%s (pid %d) prints nothing', $this->name, $this->pid));
        }
        if (!$ready) {
            return $ready === false;
        }
        $bytes = (string) fread($this->output, 1 << 16);
        $this->received .= $bytes;
        $this->unread .= $bytes;

        return $bytes !== '' || !feof($this->output);
    }
}
