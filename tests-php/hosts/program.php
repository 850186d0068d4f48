<?php

// Shared by the programs under test: PHP with the extension loads this file first.

declare(strict_types=1);

/**
 * A build request; every name is a separate configuration.
 *
 * @param array<string, mixed> $more
 * @return array<string, mixed>
 */
function configuration(string $name = 'a', array $more = []): array
{
    $number = crc32($name);

    return $more + [
        'rr_version' => sprintf('v2025.%d.%d', $number >> 16, $number & 0xffff),
        'target_platform' => ['os' => 'linux', 'arch' => 'amd64'],
        'plugins' => [['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.2.7']],
    ];
}

/** Reports a named value to the test, in one line. */
function report(string $name, mixed $value = null): void
{
    fwrite(STDOUT, json_encode([$name, $value], JSON_UNESCAPED_SLASHES | JSON_PARTIAL_OUTPUT_ON_ERROR) . "\n");
}

/** Reports that the program is ready, and waits for a line of the test. */
function ready(): string
{
    report('ready');

    return trim((string) fgets(STDIN));
}

/**
 * An outcome as plain data: the fields of an artifact, the class and message of an exception.
 *
 * @param callable(): mixed $ask
 */
function outcome(callable $ask): mixed
{
    try {
        $value = $ask();
    } catch (Throwable $thrown) {
        $error = ['class' => get_class($thrown), 'message' => $thrown->getMessage()];

        return $thrown instanceof Pillion\BuildFailedException ? $error + ['logs' => $thrown->logs(), 'status' => $thrown->httpStatus()] : $error;
    }
    if ($value instanceof Pillion\Artifact) {
        return ['key' => $value->key, 'sha256' => $value->sha256, 'status' => $value->cacheStatus, 'path' => $value->path, 'good' => $value->verify()];
    }

    return $value;
}

/**
 * Forks; the child runs $work and ends like a PHP script, with the exit code that $work returns.
 *
 * @param callable(): (int|null) $work
 */
function child(callable $work): int
{
    $pid = pcntl_fork();
    if ($pid === 0) {
        exit((int) $work());
    }

    return $pid;
}

/** The exit code of a child, or minus the signal that ended it. */
function reap(int $pid): int
{
    pcntl_waitpid($pid, $status);

    return pcntl_wifexited($status) ? pcntl_wexitstatus($status) : -pcntl_wtermsig($status);
}
