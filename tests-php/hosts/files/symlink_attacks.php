<?php

// Links, pipes, sockets and directories planted at the paths of our files: nothing outside is touched, no process
// blocks on them, and each request is answered or fails with an error.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/mounts.php';
in_own_mounts(__FILE__);

/** Calls every function of Pillion, each time with another binary. $argv: a name, the path of a binary. */
const USER = <<<'PHP'
    [, $name, $binary] = $argv;
    report('built', outcome(fn () => Pillion\Velox\build(configuration($name))->wait(20)));
    report('found', outcome(fn () => Pillion\Velox\find(configuration($name))));
    report('forced', outcome(fn () => Pillion\Velox\build(configuration($name, ['force_rebuild' => true]))->wait(20)));
    report('put', outcome(fn () => Pillion\Artifacts\put('00000000000000aa', $binary)->wait(20)));
    report('cleaned', outcome(fn () => Pillion\Artifacts\clean()->wait(20)));
    report('forgotten', outcome(fn () => Pillion\Artifacts\forget('00000000000000aa')));
    report('builds', outcome(fn () => Pillion\Velox\builds()));
    report('status', outcome(fn () => Pillion\status()['host']['state_dir']));
    PHP;

/**
 * Paths for planted files: files of a first process are removed from them.
 *
 * @param string $known the path of a binary that is kept
 * @return list<string>
 */
function places(Sandbox $sandbox, string $known): array
{
    $run = $sandbox->setting('run_dir');
    $state = $sandbox->setting('state_dir');
    $cache = $sandbox->setting('velox_cache_dir');

    return [
        "{$state}/secret", "{$state}/builds",
        "{$run}/leader.lock", "{$run}/presence", ...glob("{$run}/index-*"),
        "{$cache}/.pillion", "{$cache}/.pillion/tmp", "{$cache}/.pillion/changes", "{$cache}/.pillion/place.lock",
        "{$cache}/.pillion/flights", "{$cache}/.pillion/slots", "{$cache}/.pillion/slots/000.lock", "{$cache}/index.json",
        ...preg_grep('/\.(lock|v1|lead|wait|ids)$/', glob("{$cache}/.pillion/flights/*")),
        "{$cache}/.pillion/flights/000.json",
        dirname($known), $known, preg_replace('/\.\w{8}\.bin$/', '.json', $known),
    ];
}

$kinds = [
    'links to a file' => fn (string $path, string $outside) => symlink("{$outside}/file", $path),
    'links to a directory' => fn (string $path, string $outside) => symlink("{$outside}/directory", $path),
    'links to nothing' => fn (string $path, string $outside) => symlink("{$outside}/nothing", $path),
    'pipes' => fn (string $path) => posix_mkfifo($path, 0o600),
    'sockets' => fn (string $path) => make_socket($path),
    'directories' => fn (string $path) => mkdir($path, 0o700) && file_put_contents("{$path}/file", 'not ours'),
];

/** By a relative path: the name of a socket must not be longer than 107 bytes. */
function make_socket(string $path): void
{
    $before = getcwd();
    chdir(dirname($path));
    fclose(stream_socket_server('unix://./' . basename($path)));
    chdir($before);
}

/** Contents of a directory, to the byte. */
function fingerprint(string $directory): array
{
    $all = [];
    foreach (names_below($directory) as $name) {
        $path = "{$directory}/{$name}";
        $all[$name] = is_file($path) ? [md5_file($path), fileperms($path)] : fileperms($path);
    }

    return $all;
}

// The short form combines each path with one kind or two, the long form all with all.
$every = getenv('PILLION_FILES') === 'long' ? 1 : 5;
foreach (array_keys($kinds) as $which => $kind) {
    $make = $kinds[$kind];
    test("{$kind} in the place of our files are refused, and touch nothing outside", function (Sandbox $sandbox) use ($make, $which, $every): void {
        $sandbox->velox();
        $sandbox->set('velox_cache_dir', $cache = "{$sandbox->directory}/cache");
        mkdir($outside = "{$sandbox->directory}/outside");
        mkdir("{$outside}/directory");
        file_put_contents("{$outside}/file", str_repeat('0', 64));
        file_put_contents("{$outside}/directory/file", 'not ours');
        file_put_contents($binary = "{$sandbox->directory}/binary", "\x7fELF" . random_bytes(100));
        $sandbox->php(USER, ['known', $binary])->receiveAll();
        $known = current(glob("{$cache}/??/??/*.????????.bin"));
        $before = fingerprint($outside);
        $copy = "{$sandbox->directory}/whole";
        foreach (['run_dir', 'state_dir', 'velox_cache_dir'] as $name) {
            run(['cp', '-a', $sandbox->setting($name), "{$copy}-{$name}"]);
        }
        $ended = 0;
        foreach (places($sandbox, $known) as $nth => $place) {
            if ($nth % $every !== $which % $every) {
                continue;
            }
            remove_tree($place);
            $make($place, $outside);
            $process = $sandbox->php(USER, ['known', $binary]);
            $reports = $process->receiveAll(60);
            same(0, $process->wait(), $place);
            $ended++;
            same(['built', 'found', 'forced', 'put', 'cleaned', 'forgotten', 'builds', 'status'], array_keys($reports), $place);
            foreach (['built', 'forced', 'put'] as $what) {
                $outcome = $reports[$what][0];
                is_true(($outcome['good'] ?? null) === true || str_starts_with($outcome['class'] ?? '', 'Pillion\\'), "{$what} with {$place}: " . show($outcome));
            }
            is_true(($reports['cleaned'][0]['class'] ?? null) !== 'Pillion\TimeoutException', "a cleaning without end with {$place}");
            $found = $reports['found'][0];
            is_true($found === null || ($found['good'] ?? null) === true || isset($found['class']), "found with {$place}: " . show($found));
            same($before, fingerprint($outside), "outside, with {$place}");
            remove_tree($place);
            // All as it was, for the next one.
            foreach (['run_dir', 'state_dir', 'velox_cache_dir'] as $name) {
                remove_tree($sandbox->setting($name));
                run(['cp', '-a', "{$copy}-{$name}", $sandbox->setting($name)]);
            }
        }
        is_true($ended * $every > 18, "places: {$ended}");
        $reports = $sandbox->php(USER, ['known', $binary])->receiveAll();
        same(true, $reports['built'][0]['good'] ?? $reports);
        remove_tree("{$copy}-run_dir");
    });
}
