<?php

declare(strict_types=1);

/**
 * A visitor of the FrankenPHP worker: requests a RoadRunner binary, shows the progress of the build, and gets the
 * binary from the cache the next time.
 *
 *     php visit.php --url=http://127.0.0.1:8080 [--output=rr] [--rebuild]
 */

require __DIR__ . '/../ProgressLine.php';

$options = getopt('', ['url:', 'output:', 'rebuild']) + ['url' => 'http://127.0.0.1:8080'];

$known = call('GET', '/artifact');
$rebuild = $known !== null && isset($options['rebuild']);
if ($rebuild) {
    printf("The cache has the binary, built on %s. To show a build, this run insists on a new one.\n", date('j F, H:i', (int) $known['createdAt']));
}

$asked = hrtime(true);
$build = call('POST', '/builds' . ($rebuild ? '?rebuild=1' : ''));
printf("POST /builds was answered in %.1f ms; %d µs of it went into the build, with the runtime to be started first.\n", (hrtime(true) - $asked) / 1e6, $build['microseconds']);
printf("Both worker threads are free; one of them tells how far it is, at /builds/%s\n\n", $build['id']);

$line = new ProgressLine();
for ($pages = 1; ; $pages++) {
    $status = call('GET', "/builds/{$build['id']}");
    $line->show($status, "pages served meanwhile: $pages");
    // A result from the cache has no build status.
    if (in_array($status['state'] ?? null, ['done', 'failed'], true) || ($status === null && $pages > 20)) {
        break;
    }
    usleep(100_000);
}
$line->end();

$artifact = call('GET', '/artifact');
if ($artifact === null) {
    fwrite(STDERR, 'No binary: ' . ($status['message'] ?? 'the build is not known any more') . "\n");
    exit(1);
}
printf("Built in %.1f s:\n", $artifact['buildSeconds']);
printf("  path       %s\n  size       %s bytes\n  sha256     %s\n", $artifact['path'], number_format($artifact['size']), $artifact['sha256']);

$binary = $options['output'] ?? $artifact['path'];
if ($binary !== $artifact['path']) {
    copy($artifact['path'], $binary);
    chmod($binary, 0o755);
}
printf("  --version  %s\n\n", trim((string) shell_exec(escapeshellarg($binary) . ' --version')));
printf("Asked again: %s. Finding it in the index takes %d ns.\n", $artifact['cacheStatus'], call('GET', '/artifact')['nanoseconds']);

/** @return array<string, mixed>|null null: there is none */
function call(string $method, string $path): ?array
{
    global $options;
    $context = stream_context_create(['http' => ['method' => $method, 'timeout' => 30, 'ignore_errors' => true]]);
    $answer = file_get_contents($options['url'] . $path, false, $context);
    $answer = json_decode((string) $answer, true, flags: JSON_THROW_ON_ERROR);

    return isset($answer['error']) && count($answer) === 1 ? null : $answer;
}
