<?php

// Machines with stricter limits: threads, file sizes, system calls. A refusal affects the functions that need the
// resource, with an error message of ours, and nothing else.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/mounts.php';

const USER = 61003;

/** @return list<string> a command run as an ordinary user, because limits don't apply to root */
function as_user(Sandbox $sandbox, string $program): array
{
    $file = "{$sandbox->directory}/program-of-a-user.php";
    file_put_contents($file, "<?php\n" . $program);
    $command = implode("\0", [...$sandbox->phpCommand(), $file]);
    if (posix_geteuid() !== 0) {
        return explode("\0", $command);
    }
    foreach ([getenv('TESTED_SO'), dirname(__DIR__) . '/program.php'] as $ours) {
        $theirs = "{$sandbox->directory}/" . basename($ours);
        copy($ours, $theirs) && chmod($theirs, 0o755);
        $command = str_replace($ours, $theirs, $command);
    }
    foreach (['state_dir', 'run_dir'] as $name) {
        chown($sandbox->setting($name), USER);
    }
    // A custom build of PHP may be in root's home.
    $php = explode("\0", $command)[0];
    if (!is_executable_by_all($php)) {
        copy($php, "{$sandbox->directory}/php") && chmod("{$sandbox->directory}/php", 0o755);
        $command = str_replace($php, "{$sandbox->directory}/php", $command);
    }

    return ['setpriv', '--reuid=' . USER, '--regid=' . USER, '--clear-groups', '--', ...explode("\0", $command)];
}

function is_executable_by_all(string $file): bool
{
    for ($path = $file; $path !== '/'; $path = dirname($path)) {
        if ((fileperms($path) & 0o001) === 0) {
            return false;
        }
    }

    return true;
}

test('without a thread envelopes wait, jobs are refused, and both work with one again', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $program = $sandbox->start('php of a user', as_user($sandbox, <<<'PHP'
        $most = posix_getrlimit()['hard maxproc'];
        $limit = fn (int $threads): bool => posix_setrlimit(POSIX_RLIMIT_NPROC, $threads, is_int($most) ? $most : POSIX_RLIMIT_INFINITY);
        $limit(1) || report('the limit could not be set');
        $send = fn (int $id): bool => Pillion\Sentry\send(sprintf("{\"event_id\":\"%032x\"}\n{\"type\":\"event\"}\n{\"message\":\"x\"}", $id));
        $put = function (): mixed {
            try {
                return Pillion\Artifacts\put('2eccb077c71e1f91', '/bin/true')->wait(20)->key;
            } catch (Pillion\Exception $refused) {
                return [$refused::class, $refused->getCode(), $refused->getMessage()];
            }
        };
        report('without', [$send(1), $put(), $send(2)]);
        $limit(1000);
        report('with', [$send(3), Pillion\Sentry\flush(20), $put()]);
        PHP));
    [$first, $refused, $second] = $program->receive('without');
    same([true, true], [$first, $second]);
    same(['Pillion\StateException', 900], array_slice($refused, 0, 2));
    is_true(str_contains($refused[2], 'the system refuses a thread (Resource temporarily unavailable'), $refused[2]);
    same([true, true, '2eccb077c71e1f91'], $program->receive('with'));
    same(0, $program->wait());
    same(array_map(fn (int $id): string => sprintf('%032x', $id), [1, 2, 3]), $sentry->events());
    same(1, substr_count($program->errors(), 'Sentry sender not started'), $program->errors());
    is_true(!str_contains($program->errors(), 'panic'), $program->errors());
});

/** Sends, puts, builds and finds, and reports each outcome. */
const ALL = <<<'PHP'
    foreach ($argv[1] === '' ? [] : [(int) $argv[1]] as $bytes) {
        posix_setrlimit(POSIX_RLIMIT_FSIZE, $bytes, $bytes) || report('the limit could not be set');
    }
    report('sent', [Pillion\Sentry\send("{\"event_id\":\"" . md5('x') . "\"}\n{\"type\":\"event\"}\n{\"message\":\"x\"}"), Pillion\Sentry\flush(20)]);
    report('put', outcome(fn () => Pillion\Artifacts\put('2eccb077c71e1f91', '/bin/true')->wait(20)));
    report('built', outcome(fn () => Pillion\Velox\build(configuration())->wait(20)));
    report('found', [Pillion\Artifacts\find('2eccb077c71e1f91')?->key, count(Pillion\status()['host']['workers']), Pillion\Artifacts\stats()['index']['path'] !== null]);
    PHP;

test('system calls that a container runtime refuses cost nothing', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sandbox->velox();
    run(['cc', '-O1', '-o', "{$sandbox->directory}/refuse", __DIR__ . '/refuse.c']);
    file_put_contents($file = "{$sandbox->directory}/all.php", "<?php\n" . ALL);
    foreach (['statx', 'fallocate,madvise', 'openat2,renameat2,copy_file_range,faccessat2,getrandom,memfd_create,close_range,rseq'] as $calls) {
        $here = $sandbox->sibling();
        $php = $here->start("php without {$calls}", ["{$sandbox->directory}/refuse", $calls, '--', ...$here->phpCommand(), $file, '']);
        same([true, true], $php->receive('sent'), $calls);
        same([true, true], [$php->receive('put')['good'] ?? null, $php->receive('built')['good'] ?? null], $calls);
        same(['2eccb077c71e1f91', 1, true], $php->receive('found'), $calls);
        same(0, $php->wait());
        is_true(!str_contains($php->errors(), 'WARN') && !str_contains($php->errors(), 'ERROR'), $php->errors());
    }
    same([md5('x')], $sentry->events());
});

test('a file size limit is an error of the file that exceeds it, and ends no process', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sandbox->velox();
    $refused = [];
    foreach ([0, 1024, 100_000] as $bytes) {
        $here = $sandbox->sibling();
        $php = $here->php(ALL, [(string) $bytes]);
        same([true, true], $php->receive('sent'), "{$bytes} bytes");
        $put = $php->receive('put');
        $refused[] = ($put['good'] ?? false) === true ? 'kept' : $put['class'] . ': ' . strrchr($put['message'], ':');
        $built = $php->receive('built');
        is_true(($built['good'] ?? false) || str_starts_with($built['class'], 'Pillion\\'), show($built));
        $php->receive('found');
        same(0, $php->wait());
        is_true(!str_contains($php->errors(), 'panic'), $php->errors());
    }
    $too_large = 'Pillion\StateException: : File too large (os error 27)';
    same([$too_large, $too_large, 'kept'], $refused);
    same([md5('x')], $sentry->events());
});
