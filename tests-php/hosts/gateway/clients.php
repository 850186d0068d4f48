<?php

// Turborepo and Nx as npm has them: a workspace that one checkout builds is restored in another one.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/lib.php';

/** A workspace of two packages; each build writes another file. */
function workspace(Sandbox $sandbox, string $name): string
{
    $directory = "{$sandbox->directory}/{$name}";
    mkdir("{$directory}/home", recursive: true);
    $write = static function (string $file, array|string $content) use ($directory): void {
        is_dir(dirname("{$directory}/{$file}")) || mkdir(dirname("{$directory}/{$file}"), recursive: true);
        file_put_contents("{$directory}/{$file}", is_string($content) ? $content : json_encode($content, JSON_UNESCAPED_SLASHES));
    };
    $write('package.json', ['name' => 'workspace', 'private' => true, 'packageManager' => 'npm@10.0.0', 'workspaces' => ['packages/*']]);
    $lock = ['' => ['name' => 'workspace', 'workspaces' => ['packages/*']]];
    foreach (['a', 'b'] as $package) {
        $write("packages/{$package}/package.json", ['name' => $package, 'version' => '1.0.0', 'scripts' => [
            'build' => 'mkdir -p dist && head -c 300000 /dev/urandom > dist/out',
        ]]);
        $lock["node_modules/{$package}"] = ['resolved' => "packages/{$package}", 'link' => true];
        $lock["packages/{$package}"] = ['version' => '1.0.0'];
    }
    $write('package-lock.json', ['name' => 'workspace', 'lockfileVersion' => 3, 'requires' => true, 'packages' => $lock]);
    $write('turbo.json', ['tasks' => ['build' => ['outputs' => ['dist/**']]], 'remoteCache' => ['signature' => true]]);
    $write('nx.json', ['targetDefaults' => ['build' => ['cache' => true, 'outputs' => ['{projectRoot}/dist']]]]);
    $write('.gitignore', "node_modules\n.turbo\n.nx\ndist\nhome\n");
    symlink(getenv('NODE_CLIENTS') . '/node_modules', "{$directory}/node_modules");
    run(['git', '-C', $directory, 'init', '--quiet']);
    run(['git', '-C', $directory, 'add', '--all']);
    run(['git', '-C', $directory, '-c', 'user.name=test', '-c', 'user.email=test@test', 'commit', '--quiet', '--message', 'x']);

    return $directory;
}

/** Runs a client in a workspace; returns its output and the hashes of the built files. */
function build(Sandbox $sandbox, string $directory, array $command, array $environment): array
{
    $bin = getenv('NODE_CLIENTS') . '/bin';
    $process = $sandbox->start($command[0], ["{$bin}/{$command[0]}", ...array_slice($command, 1)], $environment + [
        'PATH' => $bin . ':' . getenv('PATH'), 'HOME' => "{$directory}/home", 'CI' => 'true', 'NO_COLOR' => '1', 'FORCE_COLOR' => '0',
        'TURBO_TELEMETRY_DISABLED' => '1', 'DO_NOT_TRACK' => '1', 'NX_DAEMON' => 'false', 'NX_NO_CLOUD' => 'true', 'NX_TUI' => 'false',
    ], $directory);
    $code = $process->wait(120);
    $output = $process->output() . $process->errors();
    same(0, $code, $output);
    $files = array_map(hash_file(...), ['sha256', 'sha256'], glob("{$directory}/packages/*/dist/out"));

    return [$output, $files];
}

/** @return array<string, array{list<string>, array<string, string>, string}> command, environment for a token, and the line of a full hit */
function clients(string $url, string $token): array
{
    return [
        'Turborepo' => [['turbo', 'run', 'build', '--no-daemon'], [
            'TURBO_API' => $url, 'TURBO_TOKEN' => $token, 'TURBO_TEAM' => 'team', 'TURBO_REMOTE_CACHE_SIGNATURE_KEY' => 'key',
        ], '/Cached: +2 cached, 2 total/'],
        'Turborepo with its preflight' => [['turbo', 'run', 'build', '--no-daemon', '--preflight'], [
            'TURBO_API' => $url, 'TURBO_TOKEN' => $token, 'TURBO_TEAM' => 'other', 'TURBO_REMOTE_CACHE_SIGNATURE_KEY' => 'key',
        ], '/Cached: +2 cached, 2 total/'],
        'Nx' => [['nx', 'run-many', '-t', 'build'], [
            'NX_SELF_HOSTED_REMOTE_CACHE_SERVER' => $url, 'NX_SELF_HOSTED_REMOTE_CACHE_ACCESS_TOKEN' => $token,
        ], '/remote cache.*remote cache/s'],
    ];
}

foreach (array_keys(clients('', '')) as $client) {
    test("{$client} restores the builds of another checkout", function (Sandbox $sandbox) use ($client): void {
        $gateway = new Gateway($sandbox);
        [$command, $environment] = clients($gateway->url, 'trusted')[$client];
        [, $built] = build($sandbox, workspace($sandbox, 'first'), $command, $environment);
        same(2, count($built));
        foreach (['read', 'pr-1'] as $token) {
            [$command, $environment, $hit] = clients($gateway->url, $token)[$client];
            [$output, $restored] = build($sandbox, workspace($sandbox, "with-{$token}"), $command, $environment);
            is_true(preg_match($hit, $output) === 1, $output);
            same($built, $restored);
        }
    });

    test("{$client} of an untrusted writer decides nothing for others", function (Sandbox $sandbox) use ($client): void {
        $gateway = new Gateway($sandbox);
        [$command, $environment] = clients($gateway->url, 'pr-1')[$client];
        [, $poisoned] = build($sandbox, workspace($sandbox, 'untrusted'), $command, $environment);
        // A token that only reads: nothing is stored, and the build goes on.
        foreach (['read', 'trusted'] as $token) {
            [$command, $environment, $hit] = clients($gateway->url, $token)[$client];
            [$output, $built] = build($sandbox, workspace($sandbox, $token), $command, $environment);
            is_true(preg_match($hit, $output) === 0, $output);
            is_true($built !== $poisoned, 'a poisoned build');
        }
        [$command, $environment] = clients($gateway->url, 'read')[$client];
        [, $restored] = build($sandbox, workspace($sandbox, 'again'), $command, $environment);
        same($built, $restored);
    });
}
