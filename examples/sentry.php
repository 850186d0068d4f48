<?php

declare(strict_types=1);

/**
 * Sends errors to Sentry without an SDK: PHP queues one in microseconds and continues; another one is queued by a
 * process that is killed at once, and arrives too. The Sentry is a Bugsink that starts and ends with this script.
 */

use Pillion\Sentry;

require __DIR__ . '/Bugsink.php';

/** Sentry's data of an exception. */
function event(Throwable $e): array
{
    $frames = [['file' => $e->getFile(), 'line' => $e->getLine()], ...$e->getTrace()];

    return [
        'level' => 'error',
        'server_name' => gethostname(),
        'exception' => ['values' => [[
            'type' => $e::class,
            'value' => $e->getMessage(),
            // Sentry expects the innermost call last, and each frame with its enclosing function.
            'stacktrace' => ['frames' => array_reverse(array_map(static fn (array $frame, array $caller): array => [
                'filename' => basename($frame['file'] ?? '[internal]'),
                'abs_path' => $frame['file'] ?? '[internal]',
                'lineno' => $frame['line'] ?? 0,
                'function' => $caller['function'] ?? '{main}',
                'in_app' => true,
            ], $frames, [...array_slice($frames, 1), []]))],
        ]]],
    ];
}

function pay(int $amount): never
{
    throw new DomainException("the card was refused for $amount €");
}

// The process that is going to be killed.
if (($argv[1] ?? '') === 'die') {
    set_exception_handler(static function (Throwable $e) use ($argv): void {
        Sentry\capture(event($e), $argv[2]);
        posix_kill(getmypid(), SIGKILL);
    });
    pay(99);
}

echo "Starting a Bugsink … ";
$bugsink = new Bugsink();
echo preg_replace('~//\w+@~', '//', $bugsink->dsn), "\n";

try {
    pay(42);
} catch (DomainException $e) {
    $event = event($e);
    $began = hrtime(true);
    $id = Sentry\capture($event, $bugsink->dsn);
    printf("Handed over as %s. The first time, with all that has to be made then, took %d µs;\n", $id, (hrtime(true) - $began) / 1e3);
}
$began = hrtime(true);
Sentry\capture(['message' => 'the second one', 'level' => 'info'], $bugsink->dsn);
printf("the second one %d µs.\n", (hrtime(true) - $began) / 1e3);

// The same PHP with the same settings: `-d` options and environment are passed on.
$options = array_merge(...array_map(static fn (string $name, array $set): array => ['-d', "$name={$set['global_value']}"], array_keys($all = array_filter(
    ini_get_all('pillion') ?: [],
    static fn (array $set): bool => ($set['global_value'] ?? '') !== '',
)), $all));
$extension = getenv('PILLION_SO') ? ['-d', 'extension=' . getenv('PILLION_SO')] : [];
$process = proc_open([PHP_BINARY, ...$extension, ...$options, __FILE__, 'die', $bugsink->dsn], [], $pipes);
while (($status = proc_get_status($process))['running']) {
    usleep(1000);
}
printf("A process handed over a third one and was killed by signal %d.\n\nIn Bugsink's database:\n\n", $status['termsig']);

foreach ($bugsink->await(3) as $event) {
    $frames = $event['data']['exception']['values'][0]['stacktrace']['frames'] ?? [];
    $frame = end($frames) ?: [];
    printf(
        "  %s  %-5s  %s\n%s",
        $event['event_id'],
        $event['data']['level'],
        $event['data']['exception']['values'][0]['value'] ?? $event['data']['message'] ?? '',
        $frame === [] ? '' : sprintf("  %32s  in %s(), %s:%d\n", '', $frame['function'], $frame['filename'], $frame['lineno']),
    );
}
