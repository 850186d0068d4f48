<?php

// Shared by the tests of Worker\loop(): RoadRunner with a worker that uses loop(), and a client that returns headers.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../worker/lib.php';

/**
 * RoadRunner with workers that use loop().
 *
 * @param array<string, mixed> $options those of {@see RoadRunner}; `loop`: the loop of the script
 * @param array<string, string> $ini
 */
function looping(Sandbox $sandbox, array $options = [], int $maxRequests = 0, array $ini = []): RoadRunner
{
    $script = "{$sandbox->directory}/worker.php";
    $file = var_export(__DIR__ . '/' . ($options['script'] ?? 'roadrunner.php'), true);
    $loop = $options['loop'] ?? 'loop';
    file_put_contents($script, "<?php putenv('MAX_REQUESTS={$maxRequests}'); putenv('LOOP={$loop}'); require {$file};");

    return new RoadRunner($sandbox, ['script' => $script] + $options, $ini + ['memory_limit' => '256M']);
}

/**
 * Sends a request, and returns the headers too, in lower case.
 *
 * @param array<int, mixed> $options of curl
 *
 * @return array{status: int, headers: array<string, list<string>>, body: string}
 */
function fetch(string $url, array $options = []): array
{
    $headers = [];
    $handle = curl_init($url);
    isset($options[CURLOPT_WRITEFUNCTION]) || curl_setopt($handle, CURLOPT_RETURNTRANSFER, true);
    curl_setopt_array($handle, $options + [
        CURLOPT_TIMEOUT => 30,
        CURLOPT_NOSIGNAL => true,
        CURLOPT_PROXY => '',
        CURLOPT_HEADERFUNCTION => static function ($handle, string $line) use (&$headers): int {
            if (str_contains($line, ':')) {
                [$name, $value] = explode(':', $line, 2);
                $headers[strtolower($name)][] = trim($value);
            }

            return strlen($line);
        },
    ]);
    $body = curl_exec($handle);

    return ['status' => curl_getinfo($handle, CURLINFO_RESPONSE_CODE), 'headers' => $headers, 'body' => (string) $body];
}

/**
 * The workers, once there are $count and each is in its loop: standard input is empty there.
 *
 * @return list<int>
 */
function ready_workers(RoadRunner $host, int $count): array
{
    return eventually("{$count} workers", static function () use ($host, $count): array {
        $ready = array_filter($host->workers(), static fn (int $worker): bool => @readlink("/proc/{$worker}/fd/0") === '/dev/null');

        return count($ready) === $count ? array_values($ready) : [];
    }, 20);
}

/**
 * The workers that have served: a signal does not end them at once.
 *
 * @return list<int>
 */
function busy_workers(RoadRunner $host): array
{
    $pids = array_map(static fn (array $answer): int => json_decode($answer['body'], true)['pid'] ?? 0, Http::many(array_fill(0, 8, $host->url('hello')), 2));

    return array_values(array_intersect(array_unique($pids), $host->workers()));
}

/** @return list<array{int, int}> results of loops, and the number of requests of their handlers */
function loops_ended(Sandbox $sandbox): array
{
    $file = $sandbox->setting('state_dir') . '/ended';

    return is_file($file) ? array_map(static fn (string $line): array => json_decode($line, true), file($file)) : [];
}

/**
 * Requires status 200 of all answers.
 *
 * @param array<array{status: int, body: string, error: string}> $answers
 */
function all_served(array $answers): void
{
    $bad = array_filter($answers, static fn (array $answer): bool => $answer['status'] !== 200);
    same([], $bad, count($bad) . ' requests were lost');
}
