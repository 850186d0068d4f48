<?php

// FrankenPHP in Caddy with worker threads, on its own ports. application.php has its answers.

declare(strict_types=1);

namespace Pillion\Tests;

final class FrankenPhp
{
    public readonly Process $process;
    public readonly int $pid;
    private readonly string $address;
    private readonly string $admin;
    private readonly string $directory;

    /**
     * @param array{threads?: int, frankenphp?: string, site?: string, script?: string, classic?: bool} $options
     *        worker threads, more lines of the global block and of the site, the script in the place of frankenphp/worker.php, and whether it
     *        runs once for each request, without a worker
     * @param array<string, string> $ini settings of PHP, in addition to those of the sandbox
     * @param bool $extension false: the control of a measurement
     */
    public function __construct(
        private readonly Sandbox $sandbox,
        array $options = [],
        private readonly array $ini = [],
        private readonly bool $extension = true,
        string $name = 'frankenphp',
    ) {
        $this->address = '127.0.0.1:' . free_port();
        $this->admin = '127.0.0.1:' . free_port();
        $this->directory = "{$sandbox->directory}/{$name}";
        mkdir($this->directory . '/ini', 0o755, true);
        $this->writeIni();
        file_put_contents("{$this->directory}/Caddyfile", $this->caddyfile($options));
        $this->process = $sandbox->start(
            $name,
            [getenv('FRANKENPHP'), 'run', '--config', "{$this->directory}/Caddyfile"],
            ['PHP_INI_SCAN_DIR' => "{$this->directory}/ini", 'XDG_DATA_HOME' => $this->directory, 'XDG_CONFIG_HOME' => $this->directory],
        );
        $this->pid = $this->process->pid;
        eventually('FrankenPHP answers', fn (): bool => $this->process->hasEnded()
            ? fail('FrankenPHP has ended') : Http::get($this->url('hello'), 2)['status'] === 200, 30);
    }

    public function url(string $what, string ...$query): string
    {
        return "http://{$this->address}/{$what}" . ($query === [] ? '' : '?' . http_build_query($query));
    }

    /** The worker's decoded answer. */
    public function ask(string $what, string ...$query): mixed
    {
        return Http::decode(Http::get($this->url($what, ...$query)));
    }

    /** Restarts all PHP threads, and PHP itself with them; returns when that is done. */
    public function restart(): void
    {
        $answer = Http::post("http://{$this->admin}/frankenphp/workers/restart", '');
        same(200, $answer['status'], 'restart: ' . show($answer));
    }

    /** Makes Caddy reload its configuration. */
    public function reload(): void
    {
        // An unchanged configuration would be ignored.
        $file = "{$this->directory}/Caddyfile";
        file_put_contents($file, file_get_contents($file) . "\n# " . bin2hex(random_bytes(4)));
        $command = $this->sandbox->start('reload', [getenv('FRANKENPHP'), 'reload', '--force', '--config', $file, '--address', $this->admin]);
        same(0, $command->wait(60), 'reload: ' . $command->errors());
    }

    /** Writes the settings of the sandbox as they are now; PHP reads them when it starts. */
    public function writeIni(): void
    {
        $ini = $this->extension ? 'extension=' . getenv('PILLION_ZTS_SO') . "\n" . $this->sandbox->ini() : '';
        foreach ($this->ini + ['memory_limit' => '64M', 'display_errors' => '0', 'log_errors' => '1'] as $name => $value) {
            $ini .= "{$name}=\"{$value}\"\n";
        }
        $ini .= 'auto_prepend_file=' . dirname(__DIR__) . "/program.php\n";
        file_put_contents("{$this->directory}/ini/pillion.ini", $ini);
    }

    /**
     * Counts that must not grow, when no work is under way and threads for blocking work have ended.
     *
     * @return array{threads: int, php: int, descriptors: int} our threads, those named as PHP's, and all descriptors
     */
    public function settled(): array
    {
        return eventually('only permanent threads are left', function (): ?array {
            $threads = our_threads($this->pid);
            $stay = ['pillion', 'pillion-log'];

            return array_diff($threads, $stay) === [] && count($threads) <= 2
                ? ['threads' => count($threads), 'php' => count(preg_grep('/^php-/', threads($this->pid))), 'descriptors' => count(descriptors($this->pid))] : null;
        }, 20);
    }

    private function caddyfile(array $options): string
    {
        $threads = $options['threads'] ?? 4;
        $script = $options['script'] ?? dirname(__DIR__) . '/frankenphp/worker.php';
        $root = dirname($script);
        $name = basename($script);
        $more = $options['frankenphp'] ?? '';
        $site = $options['site'] ?? '';
        $all = $threads + 1;
        $worker = $options['classic'] ?? false ? '' : "worker {$script} {$threads}";

        return <<<CADDYFILE
            {
                admin {$this->admin}
                auto_https off
                persist_config off
                # A request during FrankenPHP's start may be lost, and Caddy's end would wait for it for ever.
                grace_period 2s
                log {
                    level WARN
                }
                frankenphp {
                    num_threads {$all}
                    {$more}
                    {$worker}
                }
            }
            http://{$this->address} {
                bind 127.0.0.1
                root * {$root}
                {$site}
                php_server {
                    index {$name}
                    try_files {path} {$name}
                }
            }
            CADDYFILE;
    }
}
