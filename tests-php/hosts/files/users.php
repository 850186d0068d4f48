<?php

// Two users on one host, for example of a web server and of a console: with pillion.group they share everything, with
// any umask; without it they don't affect each other.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

const GROUP = 61234;
const USERS = [61001, 61002];

/** A process of that user. */
function colleague(Sandbox $sandbox, int $user, string $umask, array $ini = []): Process
{
    posix_geteuid() === 0 || fail('only root can be two users: run this as root, in a container say');
    $file = sprintf('%s/colleague-%d-%s.php', $sandbox->directory, $user, bin2hex(random_bytes(3)));
    file_put_contents($file, "<?php\n" . COMMANDS);
    $command = implode("\0", $sandbox->phpCommand($ini));
    // Root's home, a possible location of builds and checkouts, is closed to others.
    foreach ([getenv('TESTED_SO'), dirname(__DIR__) . '/program.php'] as $ours) {
        $theirs = "{$sandbox->directory}/" . basename($ours);
        is_file($theirs) || copy($ours, $theirs) && chmod($theirs, 0o755);
        $command = str_replace($ours, $theirs, $command);
    }
    $process = $sandbox->start("user {$user}", [
        'setpriv', "--reuid={$user}", "--regid={$user}", '--groups=' . GROUP, '--', ...explode("\0", $command), $file, $umask,
    ]);
    same($user, $process->receive('ready'));

    return $process;
}

/** A directory for both that neither owns, and the settings to use it. */
function common(Sandbox $sandbox): string
{
    $common = "{$sandbox->directory}/common";
    mkdir($common);
    chgrp($common, GROUP);
    chmod($common, 0o2775);
    foreach (['state', 'run'] as $name) {
        $sandbox->set("{$name}_dir", "{$common}/{$name}");
    }
    chmod("{$sandbox->directory}/velox", 0o755);

    return $common;
}

test('a cache directory outside of state_dir is shared with pillion.group', function (Sandbox $sandbox): void {
    $sandbox->velox();
    common($sandbox);
    $sandbox->set('group', (string) GROUP);
    mkdir("{$sandbox->directory}/elsewhere");
    chmod("{$sandbox->directory}/elsewhere", 0o777);
    $sandbox->set('velox_cache_dir', "{$sandbox->directory}/elsewhere/made/cache");
    [$one, $two] = array_map(fn (int $user): Process => colleague($sandbox, $user, '0077'), USERS);
    same(true, ask($one, 'build of one')['good'] ?? null);
    same(true, ask($two, 'find of one')['good'] ?? null);
    $built = ask($two, 'build of two');
    is_true(str_starts_with($built['path'] ?? '', "{$sandbox->directory}/elsewhere/made/cache/"), show($built));
    same(true, ask($one, 'find of two')['good'] ?? null);
    foreach (['made', 'made/cache'] as $made) {
        $found = stat("{$sandbox->directory}/elsewhere/{$made}");
        same([GROUP, 0o2770], [$found['gid'], $found['mode'] & 0o7777], $made);
    }
});

foreach (['0022', '0077', '0002'] as $umask) {
    test("with pillion.group and umask {$umask} two users share files, locks and flights", function (Sandbox $sandbox) use ($umask): void {
        $velox = $sandbox->velox();
        common($sandbox);
        $sandbox->set('group', (string) GROUP);
        [$one, $two] = array_map(fn (int $user): Process => colleague($sandbox, $user, $umask), USERS);
        $built = ask($one, 'build of one');
        same(true, $built['good'] ?? $built);
        // The same index, so without access to the disk.
        $found = ask($two, 'find of one');
        same(true, $found['good'] ?? $found);
        $built = ask($two, 'build of two');
        same(true, $built['good'] ?? $built);
        same(true, ask($one, 'find of two')['good'] ?? null);
        same(ask($one, 'stats')['index']['path'], ask($two, 'stats')['index']['path']);
        foreach ([$one, $two] as $process) {
            same(2, ask($process, 'workers'), $process->name);
            same([], preg_grep('/not usable|unusable|not shared|failed/', explode("\n", $process->errors())), $process->name);
        }
        same(1, (int) ask($one, 'leader') + (int) ask($two, 'leader'), 'leaders');

        // One flight for both: the second process waits for the first one's build.
        $velox->delay(2);
        $before = $velox->counter('build_requests');
        $one->writeLine('build together');
        $velox->awaitInFlight(1);
        same(1, ask($two, 'builds'));
        $built = ask($two, 'build together');
        same(true, $built['good'] ?? $built);
        same(true, $one->receive('build')['good'] ?? null);
        same($before + 1, $velox->counter('build_requests'));
        $velox->delay(0);

        // Each replaces, removes and cleans files of the other.
        same(true, ask($two, 'force of one')['good'] ?? null);
        same(true, ask($one, 'find of one')['good'] ?? null);
        same(true, ask($one, 'forget of two'));
        same(null, ask($two, 'find of two'));
        same(true, ask($two, 'clean')['complete'] ?? null);

        // Each takes over the build of the other, when that one is killed.
        $velox->delay(2);
        $one->writeLine('build inherited');
        $velox->awaitInFlight(1);
        $two->writeLine('build inherited');
        usleep(300_000);
        $velox->delay(0);
        $one->kill();
        $inherited = $two->receive('build', 40);
        same(true, $inherited['good'] ?? $inherited);
        eventually('the dead process is not listed', fn (): bool => ask($two, 'workers') === 1);
        eventually('the other one is leader', fn (): bool => ask($two, 'leader') === true);

        $closed = [];
        foreach (names_below("{$sandbox->directory}/common") as $name) {
            $path = "{$sandbox->directory}/common/{$name}";
            // Other users have no access and can't enter; directories and locks belong to the group.
            if (is_dir($path) && (fileperms($path) & 0o2070) !== 0o2070 || str_ends_with($name, '.lock') && (fileperms($path) & 0o060) !== 0o060) {
                $closed[$name] = sprintf('%o', fileperms($path));
            }
        }
        same([], $closed);
    });
}

test('directories of another user without pillion.group are refused and left unchanged', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $common = common($sandbox);
    chmod($common, 0o2777);
    $one = colleague($sandbox, USERS[0], '0022');
    same(true, ask($one, 'build of one')['good'] ?? null);
    $before = array_map(fn (string $name): array => [$name, fileperms("{$common}/{$name}"), fileowner("{$common}/{$name}")], names_below($common));
    $two = colleague($sandbox, USERS[1], '0022');
    $refused = ask($two, 'build of two');
    same('Pillion\ConfigException', $refused['class'] ?? $refused);
    is_true(str_contains($refused['message'], 'state_dir') && str_contains($refused['message'], 'another user'), $refused['message']);
    $after = array_map(fn (string $name): array => [$name, fileperms("{$common}/{$name}"), fileowner("{$common}/{$name}")], names_below($common));
    same($before, $after);
    same(true, ask($one, 'build more of one')['good'] ?? null);
});

test('files of another user in our directories are skipped; others are swept and found', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $common = common($sandbox);
    chmod($common, 0o2777);
    $one = colleague($sandbox, USERS[0], '0022');
    $built = ask($one, 'build of one');
    $cache = dirname($built['path'], 3);
    $theirs = [
        dirname($built['path']) . "/{$built['key']}.00000000.bin", dirname($built['path']) . '/00000000000000ff.json',
        "{$cache}/.pillion/tmp/0123456789abcdef0123456789abcdef.tmp", "{$cache}/.pillion/flights/000.lead", "{$cache}/.pillion/flights/table.lock",
        "{$common}/run/presence/1-00000000.json", "{$common}/run/leader.lock",
    ];
    foreach ($theirs as $file) {
        @unlink($file);
        file_put_contents($file, 'theirs');
        chmod($file, 0o600);
        touch($file, time() - 3600);
    }
    $late = colleague($sandbox, USERS[0], '0022');
    same(true, ask($late, 'find of one')['good'] ?? null);
    foreach (['build of late', 'force of one'] as $what) {
        $outcome = ask($late, $what);
        same(true, $outcome['good'] ?? $outcome, $what);
    }
    $cleaned = ask($late, 'clean');
    same(true, $cleaned['complete'] ?? $cleaned);
    same(true, ask($one, 'find of late')['good'] ?? null);
});
