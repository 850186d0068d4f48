<?php

// Shared by the tests of files: a PHP process that executes commands, one a line.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/mounts.php';

/** Executes the command of each line, and reports its outcome. $argv: its umask, if not that of the test. */
const COMMANDS = <<<'PHP'
    isset($argv[1]) && umask(octdec($argv[1]));
    report('ready', posix_geteuid());
    while (($line = trim((string) fgets(STDIN))) !== '') {
        [$do, $name] = explode(' ', $line, 2) + [1 => ''];
        report($do, match ($do) {
            'build' => outcome(fn () => Pillion\Velox\build(configuration($name))->wait(20)),
            'impatient' => outcome(fn () => Pillion\Velox\build(configuration($name))->wait(1)),
            'force' => outcome(fn () => Pillion\Velox\build(configuration($name, ['force_rebuild' => true]))->wait(20)),
            'find' => outcome(fn () => Pillion\Velox\find(configuration($name))),
            'forget' => outcome(fn () => Pillion\Artifacts\forget(Pillion\Velox\key(configuration($name)))),
            'clean' => outcome(fn () => Pillion\Artifacts\clean()->wait(20)),
            'workers' => count(Pillion\status()['host']['workers']),
            'ages' => array_column(Pillion\status()['host']['workers'], 'seconds'),
            'leader' => Pillion\status()['host']['leader'],
            'builds' => count(Pillion\Velox\builds()),
            'stats' => Pillion\Artifacts\stats(),
        });
    }
    PHP;

/** The outcome of a command. */
function ask(Process $process, string $line): mixed
{
    $process->writeLine($line);

    return $process->receive(explode(' ', $line)[0], 40);
}

/**
 * A process that is ready for commands.
 *
 * @param array<string, string> $ini
 */
function member(Sandbox $sandbox, array $ini = []): Process
{
    $member = $sandbox->php(COMMANDS, ini: $ini);
    $member->receive('ready');

    return $member;
}
