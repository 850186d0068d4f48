<?php

// Everything that belongs to one test: a scratch directory with Pillion's directories in it, and all processes.
// Closing ends them all, and reports a crash.

declare(strict_types=1);

namespace Pillion\Tests;

use FilesystemIterator;
use RecursiveDirectoryIterator;
use RecursiveIteratorIterator;

final class Sandbox
{
    public readonly string $directory;
    private ?FakeVelox $velox = null;
    /** @var list<Process> */
    private array $processes = [];
    /** @var array<string, string> */
    private array $settings = [];
    /** @var list<string> */
    private array $directories = [];
    /** @var list<self> */
    private array $siblings = [];

    public function __construct()
    {
        $this->directory = $this->makeDirectory(sys_get_temp_dir(), 0o755);
        // The index is in shared memory if the machine has it, as in production.
        $shared = is_dir('/dev/shm') && is_writable('/dev/shm') ? '/dev/shm' : sys_get_temp_dir();
        $this->settings = [
            'pillion.state_dir' => $this->directory . '/state',
            'pillion.run_dir' => $this->makeDirectory($shared, 0o700),
            'pillion.velox_retry_initial_delay' => '50ms',
            'pillion.velox_retry_max_delay' => '200ms',
        ];
        mkdir($this->directory . '/state', 0o700);
        mkdir($this->directory . '/velox', 0o755);
    }

    /** The build server, started at the first call; its URL is a setting of all processes that start later. */
    public function velox(): FakeVelox
    {
        if ($this->velox === null) {
            $this->velox = $this->anotherVelox();
            $this->settings['pillion.velox_server_url'] = $this->velox->url;
        }

        return $this->velox;
    }

    /** A Sentry; its DSN is a setting of all processes that start later. */
    public function sentry(): FakeSentry
    {
        $sentry = new FakeSentry($this->start('fake-sentry', [getenv('FAKE_SENTRY'), '--listen', '127.0.0.1:0', '--stdin-guard']));
        $this->settings += [
            'pillion.sentry_dsn' => $sentry->dsn,
            'pillion.sentry_queue_buffer_size' => '100000',
            'pillion.sentry_retry_initial_backoff' => '50ms',
            'pillion.sentry_retry_max_backoff' => '200ms',
            'pillion.sentry_retry_max_attempts' => '20',
            'pillion.sentry_transport_timeout' => '2s',
            'pillion.sentry_retry_drain_interval' => '0',
        ];

        return $sentry;
    }

    public function anotherVelox(): FakeVelox
    {
        return new FakeVelox($this->start('fake-velox', [
            getenv('FAKE_VELOX'), '--listen', '127.0.0.1:0', '--stdin-guard', '--root', $this->directory . '/velox',
        ]));
    }

    /** A sandbox with its own directories and the same servers, which ends with this one. */
    public function sibling(): self
    {
        $sandbox = new self();
        $sandbox->settings = array_intersect_key($sandbox->settings, ['pillion.state_dir' => 0, 'pillion.run_dir' => 0]) + $this->settings;

        return $this->siblings[] = $sandbox;
    }

    public function set(string $name, string $value): void
    {
        $this->settings["pillion.{$name}"] = $value;
    }

    public function unset(string $name): void
    {
        unset($this->settings["pillion.{$name}"]);
    }

    public function setting(string $name): string
    {
        return $this->settings["pillion.{$name}"];
    }

    /** @return array<string, string> */
    public function settings(): array
    {
        return $this->settings;
    }

    /** The settings as lines of a php.ini. */
    public function ini(): string
    {
        $lines = '';
        foreach ($this->settings as $name => $value) {
            $lines .= "{$name} = \"{$value}\"\n";
        }

        return $lines;
    }

    /** Starts a process in this sandbox; it must not crash. */
    public function start(string $name, array $command, array $environment = [], ?string $directory = null): Process
    {
        $errors = sprintf('%s/%02d-%s.err', $this->directory, count($this->processes), preg_replace('/\W+/', '-', $name));

        return $this->processes[] = new Process($name, $command, $errors, $environment, $directory ?? $this->directory);
    }

    /**
     * A PHP program with the extension, on the PHP under test. It can use program.php, and $argv.
     *
     * @param list<string> $arguments
     * @param array<string, string> $ini
     */
    public function php(string $code, array $arguments = [], array $ini = []): Process
    {
        $file = sprintf('%s/%02d.php', $this->directory, count($this->processes));
        file_put_contents($file, "<?php\n" . $code);
        $nth = count(array_filter($this->processes, fn (Process $process): bool => str_starts_with($process->name, 'php')));

        return $this->start("php {$nth}", [...$this->phpCommand($ini), $file, ...$arguments]);
    }

    /**
     * The PHP under test, with the extension and its settings.
     *
     * @param array<string, string> $ini
     * @return list<string>
     */
    public function phpCommand(array $ini = []): array
    {
        $command = [(string) getenv('TESTED_PHP')];
        $settings = ['extension' => (string) getenv('TESTED_SO')] + $ini + $this->settings + [
            'auto_prepend_file' => dirname(__DIR__) . '/program.php',
            'display_errors' => 'stderr',
            'log_errors' => '0',
            'memory_limit' => '256M',
        ];
        foreach ($settings as $name => $value) {
            array_push($command, '-d', "{$name}=\"{$value}\"");
        }

        return $command;
    }

    /**
     * The files in Pillion's directories.
     *
     * @return list<string>
     */
    public function files(): array
    {
        $files = [];
        foreach (['state_dir', 'run_dir'] as $directory) {
            $names = new RecursiveIteratorIterator(new RecursiveDirectoryIterator($this->setting($directory), FilesystemIterator::SKIP_DOTS));
            foreach ($names as $file) {
                $files[] = $file->getPathname();
            }
        }
        sort($files);

        return $files;
    }

    /**
     * Those of its files that are locked.
     *
     * @return list<string>
     */
    public function locked(): array
    {
        return array_values(array_filter($this->files(), static function (string $file): bool {
            // Removed meanwhile, and so not locked.
            $open = @fopen($file, 'r');

            return $open !== false && !flock($open, LOCK_SH | LOCK_NB);
        }));
    }

    /** Fails if a dead process has left a permanent leftover: a lock, a temporary file, a build. */
    public function isLeftClean(): void
    {
        // The kernel may still be releasing the locks of dead processes.
        eventually('nothing is locked: ' . show($this->locked()), fn (): bool => $this->locked() === [], 15);
        $this->velox?->awaitInFlight(0);
        // A partial outcome of a flight and a partial index are not locked; they are swept at the age of one minute.
        same([], array_values(preg_grep('~(?<!/flights)/[0-9a-f]+\.tmp$~', $this->files())), 'temporary files');
    }

    /** Gives its directories to another user, for hosts that change theirs. */
    public function giveTo(string $user): void
    {
        chown($this->settings['pillion.state_dir'], $user);
        chown($this->settings['pillion.run_dir'], $user);
    }

    /**
     * Holds the lock of `pillion serve`, as if it ran. No child inherits it.
     *
     * @return resource the lock, until it is closed
     */
    public function lockOfServer()
    {
        $lock = fopen("{$this->settings['pillion.run_dir']}/serve.lock", 'ce') ?: fail('no lock file');
        flock($lock, LOCK_EX) || fail('the lock is held');

        return $lock;
    }

    /** The end of every process's standard error, for the analysis of a failure. */
    public function errorOutput(): string
    {
        $output = implode('', array_map(fn (self $sandbox): string => $sandbox->errorOutput(), $this->siblings));
        foreach ($this->processes as $process) {
            $errors = implode("\n", array_slice(explode("\n", rtrim($process->errors())), -12));
            // Among many processes killed on purpose, those without output are left out.
            if ($errors !== '' || !$process->hasEnded() || $process->wait() > 0) {
                $state = $process->hasEnded() ? "ended with {$process->wait()}" : 'running';
                $output .= "--- {$process->name} (pid {$process->pid}, {$state})\n" . ($errors === '' ? '' : "{$errors}\n");
            }
        }

        return $output;
    }

    /** Ends everything. With $failOnCrash, a crash of any process is a failure. */
    public function close(bool $failOnCrash): void
    {
        foreach ($this->siblings as $sandbox) {
            $sandbox->close($failOnCrash);
        }
        foreach ($this->processes as $process) {
            $process->close();
        }
        $crash = null;
        foreach ($this->processes as $process) {
            if (self::hasCrashed($process)) {
                $crash ??= "{$process->name} crashed: " . substr($process->errors(), -3000);
            }
        }
        array_map(remove_tree(...), $this->directories);
        $failOnCrash && $crash !== null && fail($crash);
    }

    /** Whether it ended by a fault, or reported one: in a thread, in a child, or in PHP's memory. */
    private static function hasCrashed(Process $process): bool
    {
        $faults = [SIGSEGV, SIGABRT, SIGBUS, SIGILL, SIGFPE];

        return in_array($process->wait(), [...array_map(fn (int $fault): int => -$fault, $faults), ...array_map(fn (int $fault): int => 128 + $fault, $faults)], true)
            || preg_match('/panicked at|SIG(SEGV|ABRT|BUS|ILL|FPE)|segmentation fault|core dumped|heap corrupted|double free|corrupted size|free\(\): invalid/i', $process->errors()) === 1;
    }

    private function makeDirectory(string $in, int $mode): string
    {
        $path = sprintf('%s/pillion-test-%s', $in, bin2hex(random_bytes(6)));
        mkdir($path, $mode);

        return $this->directories[] = $path;
    }
}
