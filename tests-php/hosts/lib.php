<?php

// Shared by all tests on hosts. A test is a sentence about behaviour and a function that throws if the sentence is
// false. Runs on a PHP without the extension, because a crash of the extension must not end the test.

declare(strict_types=1);

namespace Pillion\Tests;

use Closure;
use ErrorException;
use RuntimeException;
use Throwable;

require __DIR__ . '/lib/system.php';
spl_autoload_register(static fn (string $class) => require __DIR__ . '/lib/' . substr(strrchr($class, '\\'), 1) . '.php');

final class Failure extends RuntimeException {}

final class Count
{
    public static int $passed = 0;
    public static int $failed = 0;
    public static ?Sandbox $sandbox = null;
}

/**
 * Runs a test with its own sandbox, which is removed afterwards in any case.
 *
 * @param Closure(Sandbox): void $body
 */
function test(string $title, Closure $body): void
{
    $only = getenv('ONLY');
    if ($only !== false && $only !== '' && !str_contains($title, $only)) {
        return;
    }
    $started = microtime(true);
    $sandbox = Count::$sandbox = new Sandbox();
    $failure = null;
    try {
        $body($sandbox);
    } catch (Throwable $thrown) {
        $failure = describe($thrown) . $sandbox->errorOutput();
    }
    try {
        $sandbox->close($failure === null);
    } catch (Throwable $thrown) {
        $failure .= describe($thrown) . $sandbox->errorOutput();
    }
    Count::$sandbox = null;
    $seconds = microtime(true) - $started;
    if ($failure === null) {
        Count::$passed++;
        printf("ok      %s (%.1f s)\n", $title, $seconds);
    } else {
        Count::$failed++;
        printf("not ok  %s (%.1f s)\n%s\n", $title, $seconds, preg_replace('/^/m', '        ', rtrim($failure)));
    }
}

function describe(Throwable $thrown): string
{
    $where = $thrown;
    $frames = array_filter($where->getTrace(), fn (array $frame): bool => !str_starts_with($frame['file'] ?? __DIR__ . '/lib', __DIR__ . '/lib'));
    $frame = $frames[array_key_first($frames) ?? -1] ?? ['file' => $where->getFile(), 'line' => $where->getLine()];
    $kind = $thrown instanceof Failure ? '' : get_class($thrown) . ': ';

    return sprintf("%s%s\nat %s:%d\n", $kind, $thrown->getMessage(), basename($frame['file']), $frame['line']);
}

function fail(string $message): never
{
    throw new Failure($message);
}

function is_true(bool $holds, string $message): void
{
    $holds || fail($message);
}

function same(mixed $expected, mixed $found, string $what = 'value'): void
{
    if ($expected !== $found) {
        fail(sprintf('%s: expected %s, found %s', $what, show($expected), show($found)));
    }
}

/** Prints a figure for readers of the output, beside the results. */
function note(string $figures): void
{
    echo "        {$figures}\n";
}

/** Repeats the check until it holds; fails at the deadline. */
function eventually(string $what, Closure $holds, float $seconds = 10.0): mixed
{
    $deadline = microtime(true) + $seconds;
    do {
        if ($found = $holds()) {
            return $found;
        }
        usleep(20_000);
    } while (microtime(true) < $deadline);
    fail(sprintf('not within %.1f s: %s', $seconds, $what));
}

function show(mixed $value): string
{
    $text = json_encode($value, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_PARTIAL_OUTPUT_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);

    return strlen($text) > 1500 ? substr($text, 0, 1500) . '…' : $text;
}

set_error_handler(static function (int $level, string $message, string $file, int $line): bool {
    if ((error_reporting() & $level) === 0) {
        return false;
    }
    throw new ErrorException($message, 0, $level, $file, $line);
});

// A signal must not leave servers behind.
pcntl_async_signals(true);
foreach ([SIGTERM, SIGINT, SIGHUP] as $signal) {
    pcntl_signal($signal, static function (int $signal): never {
        Count::$failed++;
        printf("not ok  ended by signal %d\n", $signal);
        Count::$sandbox === null || print Count::$sandbox->errorOutput();
        Count::$sandbox?->close(false);
        exit(1);
    });
}

// Not printed after a fatal error of the test file: the missing line counts as a failure.
register_shutdown_function(static function (): void {
    if (error_get_last() === null || !in_array(error_get_last()['type'], [E_ERROR, E_PARSE, E_CORE_ERROR, E_COMPILE_ERROR], true)) {
        printf("PILLION-STAGE passed=%d failed=%d\n", Count::$passed, Count::$failed);
    }
});
