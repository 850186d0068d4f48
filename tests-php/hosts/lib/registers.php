<?php

// Processes that use the same values (register.php), and what they have seen (History).

declare(strict_types=1);

namespace Pillion\Tests;

/** Processes that use the same values at the same time. */
const PROCESSES = 4;
/** Many of them, or few that all processes use at the same time. */
const KEYS = 6;
const FEW_KEYS = 2;

/** Starts a process that waits for a line, works on the shared values, and writes its records to a file. */
function start_register(Sandbox $sandbox, string $file, int $number, bool $clears, int $keys = KEYS, int $operations = 40_000): Process
{
    return $sandbox->php(
        'require $argv[1]; $register = new Pillion\Tests\Register((int) $argv[2], (int) $argv[3], $argv[4] === "1"); ready();'
            . ' file_put_contents($argv[5], $register->work((float) $argv[6], (int) $argv[7])); report("done", Pillion\Cache\stats());',
        [dirname(__DIR__) . '/register.php', (string) $number, (string) $keys, $clears ? '1' : '0', $file, getenv('SECONDS') ?: '1', (string) (getenv('SECONDS') ? PHP_INT_MAX : $operations)],
    );
}

/**
 * Lets processes work at the same time.
 *
 * @param array<string, Process> $processes by the file of their records
 * @return list<array> statistics of each
 */
function work_together(array $processes): array
{
    array_map(fn (Process $process) => $process->receive('ready'), $processes);
    array_map(fn (Process $process) => $process->writeLine(), $processes);

    return array_values(array_map(fn (Process $process) => $process->receive('done', 120), $processes));
}
