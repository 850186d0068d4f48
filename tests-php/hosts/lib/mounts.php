<?php

// File systems of a single test: small ones that it can fill, and others that are remounted read-only. They live in a
// mount namespace of the test file, which ends with it.

declare(strict_types=1);

namespace Pillion\Tests;

/** Continues in a new mount namespace. If none is available, the file ends without results: a failure. */
function in_own_mounts(string $file): void
{
    if (getenv('PILLION_OWN_MOUNTS') !== false) {
        return;
    }
    // A user other than root becomes root in a user namespace.
    $users = posix_geteuid() === 0 ? [] : ['--user', '--map-root-user'];
    pcntl_exec('/usr/bin/env', ['unshare', ...$users, '--mount', '--propagation', 'private', PHP_BINARY, $file], ['PILLION_OWN_MOUNTS' => '1'] + getenv());
    exit(1);
}

final class Mount
{
    /** @var ?resource */
    private $filler = null;
    private bool $mounted = true;

    private function __construct(public readonly string $path) {}

    /** @param string $options as of mount(8): 'size=1m,nr_inodes=50' */
    public static function tmpfs(string $path, string $options, int $mode = 0o700): self
    {
        is_dir($path) || mkdir($path, $mode, true);

        return self::mount($path, ['-t', 'tmpfs', '-o', sprintf('%s,mode=%o', $options, $mode), 'none'], $mode);
    }

    /** An ext4 of that many MiB in a file; null: the machine has no loop device. */
    public static function ext4(string $path, string $image, int $mebibytes, int $mode = 0o700): ?self
    {
        if (posix_geteuid() !== 0 || glob('/dev/loop[0-9]*') === []) {
            return null;
        }
        is_dir($path) || mkdir($path, $mode, true);
        run(['truncate', '-s', "{$mebibytes}M", $image]);
        run(['mkfs.ext4', '-q', '-m', '0', $image]);
        try {
            return self::mount($path, ['-o', 'loop', $image], $mode);
        } catch (Failure) {
            return null;
        }
    }

    /** A directory that can be remounted read-only by itself. */
    public static function bind(string $path): self
    {
        return self::mount($path, ['--bind', $path], null);
    }

    private static function mount(string $path, array $how, ?int $mode): self
    {
        run(['mount', ...$how, $path]);
        $mode === null || chmod($path, $mode);

        return new self($path);
    }

    public function readOnly(bool $on): void
    {
        // Of this directory alone, like an administrator's remount of a bind mount: the file system may be in use.
        run(['mount', '-o', $on ? 'remount,bind,ro' : 'remount,bind,rw', $this->path]);
    }

    /** Fills the file system up to this number of free bytes. */
    public function leaveFree(int $bytes): void
    {
        $this->filler ??= fopen("{$this->path}/filler", 'c');
        ftruncate($this->filler, 0);
        clearstatcache();
        $taken = (int) disk_free_space($this->path) - $bytes;
        $chunk = str_repeat('x', 1 << 16);
        for ($left = $taken; $left > 0; $left -= $written) {
            $written = @fwrite($this->filler, $left < 1 << 16 ? substr($chunk, 0, $left) : $chunk);
            if ($written === false || $written === 0) {
                break;
            }
        }
        fflush($this->filler);
        rewind($this->filler);
    }

    /** Frees all space that leaveFree() has taken. */
    public function free(): void
    {
        if ($this->filler !== null) {
            ftruncate($this->filler, 0);
            rewind($this->filler);
        }
    }

    public function __destruct()
    {
        if ($this->mounted) {
            $this->mounted = false;
            $this->filler === null || fclose($this->filler);
            // Lazily: a process of the test may still use it.
            run(['umount', '-l', $this->path]);
        }
    }
}

/** @param list<string> $command */
function run(array $command): void
{
    exec(implode(' ', array_map(escapeshellarg(...), $command)) . ' 2>&1', $output, $status);
    $status === 0 || fail(implode(' ', $command) . ': ' . implode("\n", $output));
}

/** @return list<string> every name below a directory, files and others, in order */
function names_below(string $directory): array
{
    $names = [];
    foreach (@scandir($directory) ?: [] as $name) {
        if ($name === '.' || $name === '..') {
            continue;
        }
        $names[] = $name;
        if (is_dir("{$directory}/{$name}") && !is_link("{$directory}/{$name}")) {
            foreach (names_below("{$directory}/{$name}") as $below) {
                $names[] = "{$name}/{$below}";
            }
        }
    }
    sort($names);

    return $names;
}
