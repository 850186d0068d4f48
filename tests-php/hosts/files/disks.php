<?php

// Full disks and memory: the outcome is right, a miss, or an exception that names the full file system; no partial
// file stays, no process crashes, and all operations work again when space is available.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';
in_own_mounts(__FILE__);

/** @return array{mixed, mixed} outcomes of a build and of a lookup after it */
function build(Process $builder, string $name): array
{
    return [ask($builder, "build {$name}"), ask($builder, "find {$name}")];
}

/** Good, or an exception of ours: no other outcome is right. */
function good_or_error(mixed $outcome, string $what): bool
{
    if (($outcome['good'] ?? null) === true) {
        return true;
    }
    is_true(str_starts_with($outcome['class'] ?? '', 'Pillion\\'), "{$what}: " . show($outcome));

    return false;
}

/** @return list<string> files that must not exist when no work is under way */
function leftovers(string $directory): array
{
    return array_values(preg_grep('/\.tmp$|\/\.secret-/', names_below($directory)));
}

/** @return array<string, callable(Sandbox, string, int): ?Mount> file systems of a few MiB */
function file_systems(): array
{
    return [
        'tmpfs' => fn (Sandbox $sandbox, string $path, int $size): Mount => Mount::tmpfs($path, "size={$size}m"),
        'ext4' => fn (Sandbox $sandbox, string $path, int $size): ?Mount => Mount::ext4($path, "{$sandbox->directory}/image", $size),
    ];
}

foreach (file_systems() as $kind => $mount) {
    test("a full {$kind} costs the cache and no build; the cache returns with free space", function (Sandbox $sandbox) use ($kind, $mount): void {
        $sandbox->velox();
        $cache = $mount($sandbox, "{$sandbox->directory}/cache", 4);
        if ($cache === null) {
            print("        (no loop device here: {$kind} is not tested)\n");

            return;
        }
        $sandbox->set('velox_cache_dir', $cache->path);
        $builder = member($sandbox);
        [$built, $found] = build($builder, 'before');
        same(true, $built['good'] ?? $built);
        same($built['path'], $found['path'] ?? $found);
        $cache->leaveFree(0);
        foreach (['full 1', 'full 2'] as $name) {
            [$built, $found] = build($builder, $name);
            same(true, $built['good'] ?? $built, $name);
            is_true(!str_starts_with($built['path'], $cache->path), "{$name} is kept in {$built['path']}");
            same(null, $found, $name);
        }
        same('HIT', build($builder, 'before')[0]['status'] ?? null);
        same([], leftovers($cache->path));
        $cache->free();
        [$built, $found] = build($builder, 'full 1');
        same(true, $built['good'] ?? $built);
        same($built['path'], $found['path'] ?? $found);
        is_true(str_starts_with($built['path'], $cache->path), $built['path']);
        is_true(str_contains($builder->errors(), 'cache write failed'), $builder->errors());
        same(true, build(member($sandbox), 'before')[0]['good'] ?? null);
    });

    test("a full {$kind} for all directories fails builds with ENOSPC until space is free", function (Sandbox $sandbox) use ($kind, $mount): void {
        $sandbox->velox();
        $state = $mount($sandbox, "{$sandbox->directory}/all", 6);
        if ($state === null) {
            print("        (no loop device here: {$kind} is not tested)\n");

            return;
        }
        $sandbox->set('state_dir', $state->path . '/state');
        mkdir($state->path . '/state', 0o700);
        $state->leaveFree(0);
        $first = member($sandbox);
        [$built] = build($first, 'at the first job');
        good_or_error($built, 'at the first job') && fail('a build was kept on a full disk: ' . show($built));
        is_true(str_contains($built['message'], 'No space left'), show($built));
        $state->free();
        same(true, build($first, 'at the first job')[0]['good'] ?? null);
        $state->leaveFree(0);
        [$built, $found] = build($first, 'later');
        good_or_error($built, 'later') && fail('a build was kept on a full disk: ' . show($built));
        is_true(str_contains($built['message'], 'No space left'), show($built));
        same(null, $found);
        same('HIT', build($first, 'at the first job')[0]['status'] ?? null);
        same([], leftovers($state->path));
        $state->free();
        same(true, build($first, 'later')[0]['good'] ?? null);
        same(true, build($first, 'later')[1]['good'] ?? null);
    });
}

test('a run_dir full at the start serves lookups; jobs fail with ENOSPC for a while', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $warm = member($sandbox);
    same(true, build($warm, 'known')[0]['good'] ?? null);
    $warm->writeLine();
    same(0, $warm->wait());
    $run = Mount::tmpfs("{$sandbox->directory}/run", 'size=1m');
    $sandbox->set('run_dir', $run->path);
    $run->leaveFree(0);
    $builder = member($sandbox);
    // A hit needs no job.
    same('HIT', build($builder, 'known')[0]['status'] ?? null);
    [$built] = build($builder, 'new');
    good_or_error($built, 'on a full run_dir');
    isset($built['class']) && is_true(str_contains($built['message'], 'No space left'), show($built));
    same([], preg_grep('/\.tmp$/', names_below($run->path)));
    $run->free();
    [$built, $found] = build($builder, 'new');
    same(true, $built['good'] ?? $built);
    same(true, $found['good'] ?? $found);
    $builder->writeLine();
    same(0, $builder->wait());
    same([], glob("{$run->path}/presence/*"));
});

test('a run_dir that fills up harms no process that has mapped the index', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $run = Mount::tmpfs("{$sandbox->directory}/run", 'size=8m');
    $sandbox->set('run_dir', $run->path);
    $two = [member($sandbox), member($sandbox)];
    foreach ($two as $nth => $builder) {
        same(true, build($builder, "before {$nth}")[0]['good'] ?? null);
    }
    $run->leaveFree(0);
    for ($round = 0; $round < 6; $round++) {
        foreach ($two as $nth => $builder) {
            [$built, $found] = build($builder, "full {$nth} {$round}");
            same(true, $built['good'] ?? $built);
            same(true, $found['good'] ?? $found);
        }
        same('HIT', build($two[0], "full 1 {$round}")[0]['status'] ?? null);
    }
    $run->free();
    $late = member($sandbox);
    same('HIT', build($late, 'full 1 5')[0]['status'] ?? null);
    same('MISS', build($late, 'after')[0]['status'] ?? null);
});

test('a log on a full disk loses lines and nothing else', function (Sandbox $sandbox): void {
    $sandbox->velox();
    $logs = Mount::tmpfs("{$sandbox->directory}/logs", 'size=64k');
    $logs->leaveFree(0);
    $builder = member($sandbox, ['pillion.log' => "{$logs->path}/pillion.log", 'pillion.log_level' => 'debug']);
    same(true, build($builder, 'without a line')[0]['good'] ?? null);
    $logs->free();
    same(true, build($builder, 'with lines')[0]['good'] ?? null);
    eventually('a line in the log', fn (): bool => str_contains((string) @file_get_contents("{$logs->path}/pillion.log"), 'build completed'));
});
