<?php

declare(strict_types=1);

/**
 * Requests a RoadRunner binary, continues to work while it is built, and gets it from the cache the next time.
 *
 *     php -d pillion.velox_server_url=http://127.0.0.1:9000 build.php [--output=rr] [--rebuild]
 *
 * --output: the path of a copy of the binary. --rebuild: a new build, even if the binary is in the cache.
 */

use Pillion\Artifact;
use Pillion\Future;
use Pillion\Velox;

require __DIR__ . '/ProgressLine.php';

$options = getopt('', ['output:', 'rebuild']);
$request = require __DIR__ . '/request.php';
$plugins = array_map(static fn (array $plugin): string => basename(dirname($plugin['module_name'])), $request['plugins']);

printf("PHP %s asks for RoadRunner %s with the plugins %s.\n", PHP_VERSION, $request['rr_version'], implode(', ', $plugins));

$known = Velox\find($request);
$rebuild = $known !== null && isset($options['rebuild']);
if ($rebuild) {
    printf("The cache has it, built on %s. To show a build, this run insists on a new one.\n", date('j F, H:i', (int) $known->createdAt));
}

// With a known id, this and every other process of the machine can read the progress of the build.
$id = uuid();
$asked = hrtime(true);
$future = Velox\build([...$request, 'request_id' => $id, 'force_rebuild' => $rebuild]);
printf("Asking took %d µs, with the runtime to be started first. PHP is free, and counts primes until the binary is there.\n\n", (hrtime(true) - $asked) / 1000);

try {
    $artifact = workUntilDone($future, $id);
} catch (Pillion\Exception $failure) {
    fwrite(STDERR, "No binary: {$failure->getMessage()}\n");
    exit(1);
}

echo $artifact->cacheStatus === 'HIT' ? "The cache had it:\n" : sprintf("Built in %.1f s:\n", $artifact->buildSeconds);
printf("  path       %s\n", $artifact->path);
printf("  size       %s bytes\n", number_format($artifact->size));
printf("  sha256     %s, %s\n", $artifact->sha256, $artifact->verify() ? 'verified' : 'and the file differs!');

$binary = $options['output'] ?? $artifact->path;
if ($binary !== $artifact->path) {
    // An open binary can be read to its end, even if the cache removes it meanwhile.
    file_put_contents($binary, $artifact->open());
    chmod($binary, 0o755);
}
printf("  --version  %s\n\n", trim((string) shell_exec(escapeshellarg($binary) . ' --version')));

$again = Velox\build($request)->wait();
$key = $again->key;
$asked = hrtime(true);
for ($i = 0; $i < 1_000_000; $i++) {
    Velox\find($key);
}
printf("Asked again: %s. Finding it in the index takes %d ns.\n", $again->cacheStatus, (hrtime(true) - $asked) / 1_000_000);

/** Counts primes for a fifth of the time, and shows the progress of the build. */
function workUntilDone(Future $future, string $id): Artifact
{
    $line = new ProgressLine();
    $primes = primes();
    for ($count = 0; !$future->isDone();) {
        for ($end = hrtime(true) + 20_000_000; hrtime(true) < $end; $count++) {
            $primes->next();
        }
        $line->show(Velox\status($id), number_format($count) . ' primes');

        // Any event loop can wait like this: the notifier is readable when a future is done.
        [$read, $write, $except] = [[Pillion\notifier()], null, null];
        stream_select($read, $write, $except, 0, 80_000);
    }
    $line->end();

    return $future->wait();
}

/** @return Generator<int> */
function primes(): Generator
{
    for ($number = 2; ; $number++) {
        for ($divisor = 2; $divisor * $divisor <= $number; $divisor++) {
            if ($number % $divisor === 0) {
                continue 2;
            }
        }
        yield $number;
    }
}

function uuid(): string
{
    $bytes = random_bytes(16);
    $bytes[6] = chr(ord($bytes[6]) & 0x0F | 0x40);
    $bytes[8] = chr(ord($bytes[8]) & 0x3F | 0x80);

    return vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split(bin2hex($bytes), 4));
}
