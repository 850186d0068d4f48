<?php

// php-fpm with pools on unix sockets. Under root its children are another user, as in production. application.php has
// its answers.

declare(strict_types=1);

namespace Pillion\Tests;

final class Fpm
{
    public readonly Process $process;
    /** The master. */
    public readonly int $pid;
    private readonly string $directory;

    /**
     * @param array<string, list<string>> $pools more lines of each pool, after its users and its socket
     * @param list<string> $global
     * @param list<string> $options of the command
     * @param string $name of its directory in the sandbox
     * @param bool $asUser whether the master is an ordinary user as well
     * @param list<string> $files the script of its children, an index.php, and its includes
     */
    public function __construct(Sandbox $sandbox, array $pools = ['www' => []], array $global = [], array $options = [], bool $extension = true, string $name = 'fpm', bool $asUser = false, array $files = ['application.php', 'fpm/index.php'])
    {
        $this->directory = "{$sandbox->directory}/{$name}";
        mkdir($this->directory);
        // The children may be other users, without access to the checkout.
        foreach (['program.php', ...$files] as $file) {
            copy(dirname(__DIR__) . "/{$file}", "{$this->directory}/" . basename($file));
        }
        $user = self::user();
        $user === null || $sandbox->giveTo($user);
        $prefix = $user === null || !$asUser ? [] : ['setpriv', "--reuid={$user}", "--regid={$user}", '--clear-groups', '--'];
        $prefix === [] || chown($this->directory, $user);
        $server = $prefix === [] ? (string) getenv('TESTED_FPM') : $this->readable((string) getenv('TESTED_FPM'));
        $pillion = $prefix === [] ? (string) getenv('TESTED_SO') : $this->readable((string) getenv('TESTED_SO'));
        $user = $prefix === [] ? $user : null;
        $text = implode("\n", ['[global]', "pid = {$this->directory}/pid", "error_log = {$this->directory}/log", 'log_level = notice', ...$global, '']);
        foreach ($pools as $name => $lines) {
            $text .= implode("\n", [
                "[{$name}]",
                ...($user === null ? [] : ["user = {$user}", 'group = ' . posix_getgrgid(posix_getpwnam($user)['gid'])['name']]),
                "listen = {$this->directory}/{$name}.sock",
                'pm = static', ...(preg_grep('/^pm.max_children/', $lines) ? [] : ['pm.max_children = 3']),
                'catch_workers_output = yes', 'decorate_workers_output = no', ...$lines, '',
            ]);
        }
        file_put_contents("{$this->directory}/fpm.conf", $text);
        file_put_contents("{$this->directory}/php.ini", ($extension ? "extension={$pillion}\n" . $sandbox->ini() : '')
            . "auto_prepend_file={$this->directory}/program.php\ndisplay_errors=0\nlog_errors=1\n");
        $this->process = $sandbox->start('php-fpm', [
            ...$prefix, $server, '-n', '-F', '-c', "{$this->directory}/php.ini", '-y', "{$this->directory}/fpm.conf", ...$options,
        ]);
        $this->process->log = "{$this->directory}/log";
        $this->pid = $this->process->pid;
        foreach (array_keys($pools) as $pool) {
            $this->awaitAnswer($pool);
        }
        // The first children answer while the master still starts others, with both ends of their pipes open.
        eventually('php-fpm has started its children', fn (): bool => str_contains((string) file_get_contents($this->process->log), 'ready to handle connections'));
    }

    /** An ordinary user for the children, if the test runs as root. */
    public static function user(): ?string
    {
        return posix_geteuid() === 0 ? 'www-data' : null;
    }

    public function awaitAnswer(string $pool = 'www'): void
    {
        eventually('php-fpm answers', fn (): bool => $this->process->hasEnded()
            ? fail('php-fpm has ended') : $this->many([['hello']], 1, pool: $pool, seconds: 3)[0]['status'] === 200, 30);
    }

    /** The decoded answer. */
    public function ask(string $what, string ...$query): mixed
    {
        return Http::decode($this->many([[$what, $query]], 1)[0]);
    }

    /**
     * @param list<array{0: string, 1?: array<string, string>}> $requests path and query of each
     * @return array<array{status: int, body: string, error: string}>
     */
    public function many(array $requests, int $atOnce, float $seconds = 30.0, ?\Closure $meanwhile = null, string $pool = 'www'): array
    {
        return FastCgi::many($this->socket($pool), array_map(fn (array $request): array => [
            'REQUEST_METHOD' => 'GET',
            'SCRIPT_FILENAME' => "{$this->directory}/index.php",
            'SCRIPT_NAME' => '/index.php',
            'REQUEST_URI' => "/{$request[0]}",
            'QUERY_STRING' => http_build_query($request[1] ?? []),
            'SERVER_PROTOCOL' => 'HTTP/1.1',
            'GATEWAY_INTERFACE' => 'CGI/1.1',
        ], $requests), $atOnce, $seconds, $meanwhile);
    }

    /** The unix socket of a pool, for a front server. */
    public function socket(string $pool = 'www'): string
    {
        return "{$this->directory}/{$pool}.sock";
    }

    /** The directory of its scripts. */
    public function root(): string
    {
        return $this->directory;
    }

    /** A copy that any user can read, of a file that may be in a closed home directory. */
    private function readable(string $file): string
    {
        $copy = "{$this->directory}/" . basename($file);
        copy($file, $copy);
        chmod($copy, 0o755);

        return $copy;
    }

    /** @return list<int> */
    public function workers(): array
    {
        return children($this->pid);
    }

    /** @return array{threads: int, descriptors: list<string>} threads and descriptors of the master */
    public function master(): array
    {
        return ['threads' => count(threads($this->pid)), 'descriptors' => array_values(descriptors($this->pid))];
    }
}
