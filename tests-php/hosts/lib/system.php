<?php

// Data of the kernel about a process, from /proc.

declare(strict_types=1);

namespace Pillion\Tests;

/** @return list<string> the names of its threads */
function threads(int $pid): array
{
    $names = [];
    foreach (glob("/proc/{$pid}/task/*/comm") ?: [] as $file) {
        $name = @file_get_contents($file);
        $name === false || $names[] = trim($name);
    }
    sort($names);

    return $names;
}

/** @return list<string> those of its threads that are ours */
function our_threads(int $pid): array
{
    return array_values(array_filter(threads($pid), fn (string $name): bool => str_starts_with($name, 'pillion')));
}

/** @return array<int, string> descriptor => its target */
function descriptors(int $pid): array
{
    $all = [];
    foreach (glob("/proc/{$pid}/fd/*") ?: [] as $link) {
        $target = @readlink($link);
        // Numbers of pipes and sockets are removed: they differ each time.
        $target === false || $all[(int) basename($link)] = preg_replace('/:\[\d+\]$/', '', $target);
    }
    ksort($all);

    return $all;
}

/** Resident memory in KiB. */
function memory(int $pid): int
{
    preg_match('/^VmRSS:\s+(\d+)/m', (string) @file_get_contents("/proc/{$pid}/status"), $found);

    return (int) ($found[1] ?? 0);
}

/** Resident memory in KiB of the process alone, without files and shared memory. */
function own_memory(int $pid): int
{
    preg_match('/^RssAnon:\s+(\d+)/m', (string) @file_get_contents("/proc/{$pid}/status"), $found);

    return (int) ($found[1] ?? 0);
}

/** @return list<int> */
function children(int $pid): array
{
    $all = [];
    foreach (glob("/proc/{$pid}/task/*/children") ?: [] as $file) {
        foreach (preg_split('/\s+/', (string) @file_get_contents($file), -1, PREG_SPLIT_NO_EMPTY) as $child) {
            $all[] = (int) $child;
        }
    }
    sort($all);

    return $all;
}

function is_alive(int $pid): bool
{
    $stat = @file_get_contents("/proc/{$pid}/stat");

    return $stat !== false && !preg_match('/\) [ZX] /', $stat);
}

/** A port of loopback that is free at this moment. */
function free_port(): int
{
    $socket = stream_socket_server('tcp://127.0.0.1:0');
    $port = (int) substr(strrchr(stream_socket_get_name($socket, false), ':'), 1);
    fclose($socket);

    return $port;
}

function remove_tree(string $path): void
{
    if (is_dir($path) && !is_link($path)) {
        foreach (scandir($path) as $name) {
            $name === '.' || $name === '..' || remove_tree("{$path}/{$name}");
        }
        @rmdir($path);
    } else {
        @unlink($path);
    }
}

/** Whether the PHP under test has threads. */
function is_zts(): bool
{
    return ask_php('PHP_ZTS') === '1';
}

/** Where the PHP under test has its extensions. */
function extension_dir(): string
{
    return ask_php('ini_get("extension_dir")');
}

function ask_php(string $expression): string
{
    return trim((string) shell_exec(escapeshellarg((string) getenv('TESTED_PHP')) . ' -n -r ' . escapeshellarg("echo {$expression};")));
}
