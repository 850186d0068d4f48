<?php

// Runs the commands of docs/guides/worker-guides.md on a copy of the examples: its console blocks, with the test's own
// ports in the place of the printed ones, and programs found by their names.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

const REPOSITORY = __DIR__ . '/../../..';
const EXAMPLES = REPOSITORY . '/examples/worker';

final class Guide
{
    /** @var array<string, int> printed ports, and free ports in their place */
    private array $ports = [];
    /** @var list<Process> */
    public array $started = [];
    private readonly string $directory;
    private readonly string $example;

    public function __construct(private readonly Sandbox $sandbox, string $example, private readonly string $php)
    {
        $this->directory = $sandbox->directory;
        $this->example = "{$this->directory}/worker/{$example}";
        foreach (['8080', '8081', '2019', '6001', '9000'] as $port) {
            $this->ports[$port] = free_port();
        }
        mkdir("{$this->directory}/worker");
        mkdir("{$this->directory}/ini");
        mkdir("{$this->directory}/bin");
        foreach (['App.php', ...array_map(static fn (string $file): string => "{$example}/{$file}", array_diff(scandir(EXAMPLES . "/{$example}"), ['.', '..']))] as $file) {
            is_dir($this->example) || mkdir($this->example);
            file_put_contents("{$this->directory}/worker/{$file}", $this->here(file_get_contents(EXAMPLES . "/{$file}")));
        }
        $programs = ['php' => 'PHP_NTS', 'php-fpm' => 'PHP_NTS_FPM', 'frankenphp' => 'FRANKENPHP', 'caddy' => 'FRANKENPHP', 'rr' => 'RR'];
        foreach ($programs as $name => $variable) {
            symlink((string) getenv($variable), "{$this->directory}/bin/{$name}");
        }
        $pillion = (string) getenv($php === 'zts' ? 'PILLION_ZTS_SO' : 'PILLION_SO');
        mkdir("{$this->directory}/sessions", 0o777);
        chmod("{$this->directory}/sessions", 0o777);
        file_put_contents("{$this->directory}/ini/pillion.ini", "extension={$pillion}\n{$sandbox->ini()}session.save_path={$this->directory}/sessions\n");
    }

    /** A file of the example, as it is in the copy. */
    public function file(string $name): string
    {
        return "{$this->example}/{$name}";
    }

    public function url(string $path): string
    {
        return "http://127.0.0.1:{$this->ports['8080']}{$path}";
    }

    /** A text of the guide with our ports. */
    public function here(string $text): string
    {
        return preg_replace_callback('/(?<=[:\s])(?:8080|8081|2019|6001|9000)\b/', fn (array $port): string => (string) $this->ports[$port[0]], $text);
    }

    /**
     * Runs the commands of a console block one after the other, and compares their output with the printed output.
     * Those that end with `&` keep running; commands that need a registry are left out.
     */
    public function run(string $block): void
    {
        preg_match_all('/^\$ (.+)\n((?:(?!\$ ).+\n)*)/m', $block, $commands, PREG_SET_ORDER);
        is_true($commands !== [], 'no commands in: ' . $block);
        foreach ($commands as [, $command, $output]) {
            match (true) {
                str_starts_with($command, 'composer require ') => null,
                str_ends_with($command, ' &') => $this->started[] = $this->start(substr($command, 0, -2)),
                default => $this->finish($command, $output),
            };
        }
    }

    /** Ends all processes, in the order in which a service would be stopped. */
    public function stop(int $signal = SIGTERM): void
    {
        foreach (array_reverse($this->started) as $process) {
            $process->signal($signal);
            same(0, $process->wait(40), "{$process->name} ended");
        }
        $this->started = [];
    }

    private function start(string $command): Process
    {
        $process = $this->sandbox->start(strtok($command, ' '), ['sh', '-c', 'exec env ' . $this->here($command)], $this->environment(), $this->example);
        // A request during its start may be lost, and its end would wait for that request.
        str_contains($command, 'frankenphp ') && eventually('FrankenPHP serves', static fn (): bool => $process->hasEnded()
            || (str_contains($process->errors(), 'FrankenPHP started') && preg_match('/serving (initial|PHP app)/', $process->errors()) === 1), 30);

        return $process;
    }

    private function finish(string $command, string $output): void
    {
        // A server that has just been started may need time, and FrankenPHP may lose a request until then.
        $here = 'cd ' . escapeshellarg($this->example) . ' && ' . $this->here("{$command} --fail --max-time 5") . ' 2>&1';
        $found = eventually("{$command} works", function () use ($here): ?string {
            foreach ($this->started as $process) {
                $process->hasEnded() && fail("{$process->name} has ended");
            }
            exec($here, $lines, $status);
            $status === 0 || usleep(50_000);

            return $status === 0 ? 'printed: ' . implode("\n", $lines) . "\n" : null;
        }, 30);
        $output === '' || same('printed: ' . $output, $found, $command);
    }

    /** @return array<string, string> */
    private function environment(): array
    {
        return [
            'PATH' => "{$this->directory}/bin:" . getenv('PATH') . ':/usr/sbin',
            'PHP_INI_SCAN_DIR' => "{$this->directory}/ini",
            'XDG_DATA_HOME' => $this->directory,
            'XDG_CONFIG_HOME' => $this->directory,
            'no_proxy' => '*',
        ];
    }
}

/** The guide, and in it the blocks of one language below a heading. */
function guide(): string
{
    return file_get_contents(REPOSITORY . '/docs/guides/worker-guides.md');
}

/** @return list<string> */
function blocks(string $language, string $heading): array
{
    $section = preg_match('/^## ' . preg_quote($heading, '/') . '\n(.*?)(?=^## |\z)/ms', guide(), $found) ? $found[1] : fail("no section: {$heading}");
    preg_match_all('/^```' . $language . "\n(.*?)^```$/ms", $section, $blocks);

    return $blocks[1];
}

/** The output of a health probe. */
function healthy(array $status, string $mode, bool $isWorker): void
{
    same(['ok', $mode, $isWorker], [$status['status'], $status['mode'], $status['worker_mode']]);
    is_true(is_int($status['memory']) && is_int($status['peak_memory']) && $status['peak_memory'] >= $status['memory'] && $status['memory'] > 100_000, show($status));
}

/** A client that keeps its cookies, and one that has none. */
function sessions_are_apart(Guide $guide): void
{
    $visit = static function (string $cookie) use ($guide): array {
        $context = stream_context_create(['http' => ['header' => ["Cookie: {$cookie}"], 'ignore_errors' => true]]);
        $body = file_get_contents($guide->url('/visits'), false, $context);
        preg_match('/^Set-Cookie: (sid=[^;]+)/mi', implode("\n", $http_response_header), $found);

        return [json_decode($body, true)['visits'] ?? fail($body), $found[1] ?? fail(show($http_response_header))];
    };
    [$visits, $ann] = $visit('');
    same(1, $visits);
    [$visits, $bob] = $visit('');
    same([1, true], [$visits, $ann !== $bob]);
    foreach (range(2, 5) as $expected) {
        same([$expected, $ann], $visit($ann));
        same([$expected, $bob], $visit($bob));
    }
    // An id made up by a client is not accepted.
    [$visits, $id] = $visit('sid=' . str_repeat('a', 32));
    same([1, true], [$visits, $id !== 'sid=' . str_repeat('a', 32)]);
}
