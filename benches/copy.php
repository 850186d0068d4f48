<?php

declare(strict_types=1);

/**
 * `Artifacts\put` of a binary of 50 MB, which copies and hashes it in one pass and syncs it to disk, against the
 * programs that do the same one by one.
 */

use Pillion\Artifacts;

require __DIR__ . '/support.php';

$directory = environment('BENCH_DIR') . '/copy';
is_dir($directory) || mkdir($directory);
$source = "$directory/source";
$target = "$directory/target";
// The beginning of a program; the rest is incompressible.
file_put_contents($source, file_get_contents(PHP_BINARY, length: 4096) . random_bytes(50_000_000 - 4096));

$shell = static function (string $command): float {
    $started = hrtime(true);
    exec($command, $output, $status);
    $took = (hrtime(true) - $started) / 1e6;
    $status === 0 || throw new RuntimeException($command);

    return $took;
};
[$from, $to] = [escapeshellarg($source), escapeshellarg($target)];
$number = 0;
$samples = rounds(9, [
    'put' => static function () use ($source, &$number): float {
        $key = fixture_key($number++);
        $started = hrtime(true);
        Artifacts\put($key, $source)->wait(60);
        $took = (hrtime(true) - $started) / 1e6;
        Artifacts\forget($key);

        return $took;
    },
    'cp' => static fn (): float => $shell("cp $from $to"),
    'sha256sum' => static fn (): float => $shell("sha256sum $from"),
    'both' => static fn (): float => $shell("rm -f $to; cp $from $to && sha256sum $to && sync $to"),
]);

$faster = $samples['both']->median() / $samples['put']->median();
row(
    '`Artifacts\put` of 50 MB: copied, hashed, synced',
    $samples['put']->tell('ms'),
    "`cp && sha256sum && sync`: {$samples['both']->tell('ms')}",
    times($faster) . ' faster',
    '≥ 1×',
    [$faster >= 1],
);
row(
    'for comparison',
    '',
    "`cp`: {$samples['cp']->tell('ms')}; `sha256sum`: {$samples['sha256sum']->tell('ms')}",
    '',
    '',
    [],
);
