<?php

// File systems that a test has to itself: small ones that it can fill, and such that are mounted anew for reading only.
// They live in a mount namespace of the test file's own, which ends with it.

declare(strict_types=1);

namespace Pillion\Tests;

/** Goes on in a mount namespace of its own. Where none can be had, the file ends without a verdict: a failure. */
function in_own_mounts(string $file): void
{
    if (getenv('PILLION_OWN_MOUNTS') !== false) {
        return;
    }
    // Whoever is not root is root of a namespace of users.
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

    /** An ext4 of that many MiB in a file; null: this machine gives us no loop device. */
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

    /** A directory that can be made read-only by itself. */
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
        // Of this place alone, as an administrator's remount of a bind mount is: the file system may have open files.
        run(['mount', '-o', $on ? 'remount,bind,ro' : 'remount,bind,rw', $this->path]);
    }

    /** Takes all room but so many bytes. */
    public function leave(int $bytes): void
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

    /** Gives all room back. */
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
            // Lazily: a process of the test may still be there.
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
