<?php

// The master of php-fpm, which runs as root and shares its descriptors with all children: it gets no thread and no
// descriptor of ours, regardless of its children and of a preload script.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/**
 * Targets of a master's descriptors, without the parts that differ from start to start.
 *
 * @return list<string>
 */
function files(Fpm $host): array
{
    $files = preg_replace(['~/pillion-test-\w+/\w+/~', '~/pillion-test-\w+/\d+-~', '~ZendSem\.\w+~'], ['/box/', '/box/', 'ZendSem'], $host->master()['descriptors']);
    sort($files);

    return $files;
}

test('the master has no more threads and descriptors than without the extension', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $expected = files(new Fpm($sandbox, extension: false, name: 'plain'));
    $host = new Fpm($sandbox);
    same($expected, files($host), 'before load');
    same(1, $host->master()['threads']);
    $host->many(array_fill(0, 30, ['build', ['name' => 'one']]), 3);
    $host->many([['submit', ['name' => 'two']], ['notified', ['name' => 'three']]], 2);
    same($expected, files($host), 'after load');
    same(1, $host->master()['threads']);
});

test('the master stays clean while its children are replaced', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $host = new Fpm($sandbox, ['www' => ['pm.max_requests = 2']]);
    $before = $host->master();
    $host->many(array_fill(0, 40, ['build', ['name' => 'one']]), 3);
    // It holds the pipes of children that have just ended, or are about to start, for a moment more.
    eventually('three children, and no more descriptors in the master than before', function () use ($host, $before): bool {
        $now = $host->master();

        return count($host->workers()) === 3 && $now['threads'] === $before['threads']
            && count($now['descriptors']) === count($before['descriptors']);
    });
    $of = posix_geteuid();
    foreach (new \RecursiveIteratorIterator(new \RecursiveDirectoryIterator($sandbox->setting('run_dir'), \FilesystemIterator::SKIP_DOTS)) as $file) {
        is_true($of !== 0 || $file->getOwner() !== 0, "made by the master: {$file}");
    }
});

// With a preload user, a separate process preloads; without, the master does.
foreach (['the preload user' => false, 'the master' => true] as $process => $asUser) {
    test("a preload script may read status, and can start nothing: run by {$process}", function (Sandbox $sandbox) use ($asUser): void {
        $sandbox->velox();
        $results = $sandbox->directory . '/preload/results.json';
        mkdir(dirname($results));
        Fpm::user() === null || chown(dirname($results), Fpm::user());
        file_put_contents($sandbox->directory . '/preload.php', '<?php require "' . $sandbox->directory . '/fpm/program.php";' . <<<'PHP'
            file_put_contents(__DIR__ . '/preload/results.json', json_encode([
                'find' => outcome(fn () => Pillion\Velox\find(configuration('one'))),
                'key' => strlen(Pillion\Velox\key(configuration('one'))),
                'build' => outcome(fn () => Pillion\Velox\build(configuration('one'))),
                'put' => outcome(fn () => Pillion\Artifacts\put('00000000000000aa', '/bin/true')),
                'clean' => outcome(fn () => Pillion\Artifacts\clean()),
            ]));
            PHP);
        $user = Fpm::user();
        // A copy, because PHP may be in a home directory that is closed to others.
        copy(extension_dir() . '/opcache.so', "{$sandbox->directory}/opcache.so");
        $opcache = ['-d', "zend_extension={$sandbox->directory}/opcache.so", '-d', 'opcache.enable=1'];
        $plain = new Fpm($sandbox, options: $opcache, extension: false, name: 'plain', asUser: $asUser);
        $host = new Fpm($sandbox, options: [
            ...$opcache, '-d', "opcache.preload={$sandbox->directory}/preload.php",
            ...($user === null || $asUser ? [] : ['-d', "opcache.preload_user={$user}"]),
        ], asUser: $asUser);
        $found = json_decode(file_get_contents($results), true);
        same([null, 16], [$found['find'], $found['key']]);
        foreach (['build', 'put', 'clean'] as $job) {
            same('Pillion\StateException', $found[$job]['class'] ?? null, "{$job}: " . show($found[$job]));
        }
        $answers = array_map(Http::decode(...), $host->many(array_fill(0, 12, ['build', ['name' => 'one']]), 3));
        same(array_fill(0, 12, true), array_column(array_column($answers, 'answer'), 'good'));
        same(1, $host->master()['threads'], 'threads of the master');
        same(files($plain), files($host), 'descriptors of the master');
    });
}
