<?php

// Writers of the artifact cache that are killed at any instant, beside concurrent readers: no reader ever gets wrong
// bytes, and afterwards index and disk agree.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Puts and forgets random artifacts of a small set until it is killed. $argv: directory of binaries. */
const WRITER = <<<'PHP'
    $binaries = glob($argv[1] . '/*');
    report('writing');
    while (true) {
        $key = sprintf('00000000000000%02x', mt_rand(0, 39));
        if (mt_rand(0, 3) === 0) {
            Pillion\Artifacts\forget($key);
        } else {
            $binary = $binaries[array_rand($binaries)];
            Pillion\Artifacts\put($key, $binary, ['config' => ['name' => basename($binary)]])->wait(30);
        }
    }
    PHP;

/** Reads all artifacts and reports wrong bytes; reports the number of reads when its input ends. */
const READER = <<<'PHP'
    stream_set_blocking(STDIN, false);
    $read = 0;
    report('reading');
    while (fgets(STDIN) === false) {
        foreach (Pillion\Artifacts\entries(1000) as $artifact) {
            $found = mt_rand(0, 1) ? Pillion\Artifacts\find($artifact->key) : $artifact;
            try {
                $stream = $found?->open();
            } catch (Pillion\StateException) {
                continue; // replaced or forgotten meanwhile
            }
            if ($stream) {
                $bytes = stream_get_contents($stream);
                $read++;
                if (hash('sha256', $bytes) !== $found->sha256 || strlen($bytes) !== $found->size) {
                    report('wrong', [$found->key, $found->sha256, $found->size, strlen($bytes)]);
                }
            }
        }
    }
    report('read', $read);
    PHP;

/** The index entries of all keys, by find() and by entries(), and whether the bytes are right. */
const JUDGE = <<<'PHP'
    $found = [];
    for ($i = 0; $i < 40; $i++) {
        $artifact = Pillion\Artifacts\find(sprintf('00000000000000%02x', $i));
        if ($artifact) $found[$artifact->key] = [$artifact->sha256, $artifact->verify(), $artifact->config['name'] ?? null];
    }
    $listed = [];
    foreach (Pillion\Artifacts\entries(1000) as $artifact) $listed[$artifact->key] = $artifact->sha256;
    ksort($listed);
    report('found', $found);
    report('listed', $listed);
    report('stats', Pillion\Artifacts\stats());
    PHP;

/** @return array<string, string> key => sha256, according to the entries on disk */
function on_disk(string $cache): array
{
    $all = [];
    foreach (glob("{$cache}/??/??/*.json") as $file) {
        $entry = json_decode(file_get_contents($file), true);
        is_array($entry) || fail("a torn entry: {$file}");
        $binary = sprintf('%s/%s.%s.bin', dirname($file), basename($file, '.json'), substr($entry['sha256'], 0, 8));
        same($entry['sha256'], hash_file('sha256', $binary), $binary);
        $all[basename($file, '.json')] = $entry['sha256'];
    }
    ksort($all);

    return $all;
}

test('writers killed at any instant leave an index that agrees with the disk', function (Sandbox $sandbox): void {
    $binaries = $sandbox->directory . '/binaries';
    mkdir($binaries);
    for ($i = 0; $i < 8; $i++) {
        file_put_contents("{$binaries}/binary-{$i}", "\x7fELF" . random_bytes(10_000 + $i * 40_000));
    }
    $cache = $sandbox->directory . '/cache';
    $sandbox->set('velox_cache_dir', $cache);
    $readers = [$sandbox->php(READER), $sandbox->php(READER)];
    array_map(fn (Process $reader) => $reader->receive('reading'), $readers);
    $kills = 0;
    $deadline = microtime(true) + 25;
    while ($kills < 60 && microtime(true) < $deadline) {
        $writers = [$sandbox->php(WRITER, [$binaries]), $sandbox->php(WRITER, [$binaries]), $sandbox->php(WRITER, [$binaries])];
        foreach ($writers as $writer) {
            $writer->receive('writing');
        }
        foreach ($writers as $writer) {
            usleep(random_int(1_000, 60_000));
            $writer->kill();
            same(-SIGKILL, $writer->wait());
            $kills++;
        }
    }
    is_true($kills >= 15, "only {$kills} writers were killed");
    foreach ($readers as $reader) {
        $reader->writeLine();
        $reports = $reader->receiveAll();
        same(null, $reports['wrong'] ?? null, 'wrong bytes');
        is_true($reports['read'][0] > 100, 'a reader has read little: ' . show($reports));
        same(0, $reader->wait());
    }
    // The first writer repairs the state that the last killed one left.
    $repair = $sandbox->php(<<<'PHP'
        Pillion\Artifacts\put('00000000000000ff', $argv[1])->wait(20);
        Pillion\Artifacts\forget('00000000000000ff');
        report('clean', Pillion\Artifacts\clean()->wait(20));
        PHP, ["{$binaries}/binary-0"]);
    $repair->receive('clean');
    same(0, $repair->wait());

    $judge = $sandbox->php(JUDGE);
    $disk = on_disk($cache);
    $found = $judge->receive('found');
    is_true(count($disk) > 5, 'few artifacts were left to compare: ' . count($disk));
    same($disk, array_map(fn (array $one): string => $one[0], $found), 'find() and the disk');
    same($disk, $judge->receive('listed'), 'entries() and the disk');
    foreach ($found as $key => [$sha256, $good, $name]) {
        same([true, $sha256], [$good, hash_file('sha256', "{$binaries}/{$name}")], "artifact {$key}");
    }
    $stats = $judge->receive('stats');
    same(count($disk), $stats['entries'] ?? null, 'entries of stats(): ' . show($stats));
    // A new index, rebuilt from the disk alone, has the same entries.
    $sandbox->set('run_dir', $sandbox->directory . '/other-run');
    $judge = $sandbox->php(JUDGE);
    same($found, $judge->receive('found'), 'find() of an index that was made anew');
});

test('files that killed writers left on disk are swept', function (Sandbox $sandbox): void {
    $binaries = $sandbox->directory . '/binaries';
    mkdir($binaries);
    file_put_contents("{$binaries}/binary", "\x7fELF" . random_bytes(3_000_000));
    $cache = $sandbox->directory . '/cache';
    $sandbox->set('velox_cache_dir', $cache);
    for ($i = 0; $i < 8; $i++) {
        $writer = $sandbox->php(WRITER, [$binaries]);
        $writer->receive('writing');
        usleep(random_int(1_000, 40_000));
        $writer->kill();
    }
    // Old enough for the sweeper not to treat them as work under way.
    $temporary = glob("{$cache}/.pillion/tmp/*");
    foreach ($temporary as $file) {
        touch($file, time() - 86_400);
    }
    same(0, $sandbox->php('Pillion\Artifacts\clean()->wait(20);')->wait());
    same([], glob("{$cache}/.pillion/tmp/*"), 'temporary files');
    $named = array_map(fn (string $file): string => basename($file, '.json'), glob("{$cache}/??/??/*.json"));
    $binaries = array_unique(array_map(fn (string $file): string => substr(basename($file), 0, 16), glob("{$cache}/??/??/*.bin")));
    sort($binaries);
    // A binary between its rename and that of its entry may stay during its grace period.
    same([], array_diff($named, $binaries), 'entries without a binary');
});
