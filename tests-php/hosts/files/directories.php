<?php

// Directories that are cleaned, removed, moved away, replaced or made read-only under living processes: known results
// stay right, removed binaries are misses, and within seconds all processes share one host again.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';
in_own_mounts(__FILE__);

/** Members that have each built a binary, one of them the leader. @return list<Process> */
function members(Sandbox $sandbox, int $count): array
{
    $members = [];
    for ($nth = 0; $nth < $count; $nth++) {
        $members[] = $member = member($sandbox);
        same(true, ask($member, "build first {$nth}")['good'] ?? null);
    }
    together($members);

    return $members;
}

/** All see each other, one of them is the leader, and each finds the builds of the others. */
function together(array $members): void
{
    foreach ($members as $member) {
        eventually("{$member->name} sees all members", fn (): bool => ask($member, 'workers') === count($members), 20);
    }
    eventually('one leader', fn (): bool => count(array_filter($members, fn (Process $member): bool => ask($member, 'leader'))) === 1, 20);
    $name = bin2hex(random_bytes(4));
    foreach ($members as $nth => $member) {
        $built = ask($member, "build {$nth} {$name}");
        same(true, $built['good'] ?? $built);
    }
    foreach ($members as $member) {
        for ($nth = 0; $nth < count($members); $nth++) {
            eventually("{$member->name} finds the build of {$nth}", fn (): bool => (ask($member, "find {$nth} {$name}")['good'] ?? null) === true, 10);
        }
    }
}

test('a run_dir that a cleaner removes file by file is complete again within seconds', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $members = members($sandbox, 2);
    $run = $sandbox->setting('run_dir');
    foreach (array_reverse(names_below($run)) as $name) {
        is_dir("{$run}/{$name}") ? @rmdir("{$run}/{$name}") : @unlink("{$run}/{$name}");
        // Like a cleaner that runs while work is done.
        same(true, ask($members[0], 'find first 0')['good'] ?? null, $name);
        same(true, ask($members[1], "build without {$name}")['good'] ?? null, $name);
    }
    together($members);
    $members[] = $late = member($sandbox);
    same('HIT', ask($late, 'build first 1')['status'] ?? null);
    same(true, ask($late, 'build late')['good'] ?? null);
    together($members);
});

test('a run_dir that is moved away, replaced or not, is recreated with its permissions', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $members = members($sandbox, 2);
    $run = $sandbox->setting('run_dir');
    rename($run, "{$run}-away");
    remove_tree("{$run}-away");
    same(true, ask($members[0], 'build without')['good'] ?? null);
    together($members);
    same('0700', substr(sprintf('%o', fileperms($run)), -4));
    remove_tree($run);
    mkdir($run, 0o700);
    together($members);
    $members[] = member($sandbox);
    same(true, ask($members[2], 'build last')['good'] ?? null);
    together($members);
});

test('a run_dir replaced by a link or an open directory is refused and not written to', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $members = members($sandbox, 2);
    $run = $sandbox->setting('run_dir');
    mkdir($elsewhere = "{$sandbox->directory}/elsewhere", 0o755);
    rename($run, "{$run}-away");
    remove_tree("{$run}-away");
    symlink($elsewhere, $run);
    sleep(2);
    foreach ($members as $member) {
        same(true, ask($member, 'build with a link ' . $member->pid)['good'] ?? null);
        same(true, ask($member, 'find first 0')['good'] ?? null);
    }
    $refused = ask(member($sandbox), 'build new');
    same('Pillion\ConfigException', $refused['class'] ?? $refused);
    is_true(str_contains($refused['message'], 'run_dir') && str_contains($refused['message'], 'symbolic link'), $refused['message']);
    same([], names_below($elsewhere), 'written through the link');
    unlink($run);
    together($members);
});

test('a removed state_dir is recreated closed to others, and new processes use it', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $members = members($sandbox, 2);
    $state = $sandbox->setting('state_dir');
    remove_tree($state);
    eventually('the lost binary is a miss', fn (): bool => ask($members[0], 'find first 0') === null);
    eventually('builds are cached again', fn (): bool => (ask($members[0], 'build again ' . bin2hex(random_bytes(4)))['good'] ?? null) === true, 10);
    same('0700', substr(sprintf('%o', fileperms($state)), -4));
    together($members);
    $members[] = member($sandbox);
    same(true, ask($members[2], 'build new')['good'] ?? null);
    together($members);
    same(['secret'], array_values(preg_grep('/secret/', names_below($state))));
});

test('a cache made read-only is read; builds are kept elsewhere until it is writable', function (Sandbox $sandbox): void {
    $velox = $sandbox->velox();
    mkdir($cache = "{$sandbox->directory}/cache", 0o700);
    $sandbox->set('velox_cache_dir', $cache);
    $mount = Mount::bind($cache);
    $members = members($sandbox, 2);
    $mount->readOnly(true);
    foreach ($members as $nth => $member) {
        same('HIT', ask($member, "build first {$nth}")['status'] ?? null);
        $built = ask($member, "build elsewhere {$nth}");
        same(true, $built['good'] ?? $built);
        is_true(!str_starts_with($built['path'], $cache), $built['path']);
        same(false, ask($member, 'stats')['writable']);
    }
    $late = member($sandbox);
    same('HIT', ask($late, 'build first 0')['status'] ?? null);
    $before = $velox->counter('build_requests');
    same(true, ask($late, 'build elsewhere late')['good'] ?? null);
    same($before + 1, $velox->counter('build_requests'));
    $mount->readOnly(false);
    foreach ([...$members, $late] as $nth => $member) {
        $built = ask($member, "build kept {$nth}");
        is_true(str_starts_with($built['path'] ?? '', $cache), show($built));
        same(true, ask($member, 'stats')['writable']);
    }
    together([...$members, $late]);
});

test('the leader sweeps leftovers of builds, also with the cache disabled', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $sandbox->set('velox_cache_enabled', '0');
    $first = member($sandbox);
    $built = ask($first, 'build old');
    same(true, $built['good'] ?? $built);
    $first->writeLine();
    same(0, $first->wait());
    // As after two hours: both the entry's times and those of the files.
    $entry = dirname($built['path']) . "/{$built['key']}.json";
    $past = fn (array $found): string => gmdate('Y-m-d\TH:i:s\Z', strtotime($found[0]) - 7200);
    file_put_contents($entry, preg_replace_callback('/\d{4}-\d\d-\d\dT[\d:.]+Z/', $past, file_get_contents($entry)));
    $outcomes = glob($sandbox->setting('run_dir') . '/velox/flights/*.outcome');
    is_true($outcomes !== [], 'no outcome: ' . show(names_below($sandbox->setting('run_dir'))));
    foreach ($outcomes as $outcome) {
        touch($outcome, time() - 120);
    }
    // The index has the old times; the disk is the truth.
    array_map(unlink(...), glob($sandbox->setting('run_dir') . '/index-*.seg'));
    $leader = member($sandbox);
    same(true, ask($leader, 'build new')['good'] ?? null);
    eventually('the old binary is swept', fn (): bool => !file_exists($built['path']), 20);
    eventually('the old outcomes are swept', fn (): bool => array_filter($outcomes, file_exists(...)) === [], 20);
});
