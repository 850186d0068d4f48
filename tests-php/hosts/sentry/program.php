<?php

// `pillion sentry`: its view of the outboxes and dead letters of PHP processes, and its actions on them.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** The program's exit code and output. */
function pillion(Sandbox $sandbox, string ...$arguments): array
{
    $options = [];
    foreach ($sandbox->settings() as $name => $value) {
        array_push($options, '-d', "{$name}={$value}");
    }
    $process = $sandbox->start('pillion', [(string) getenv('PILLION_BIN'), 'sentry', ...$options, ...$arguments]);

    return [$process->wait(120), $process->output(), $process->errors()];
}

test('the program shows waiting envelopes, and sends those of dead processes', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 4]);
    // No other process sends it meanwhile.
    $process = $sandbox->php(<<<'PHP'
        foreach (range(1, 20) as $n) {
            Pillion\Sentry\capture(['message' => "message {$n}"]);
        }
        posix_kill(getmypid(), SIGKILL);
        PHP);
    same(-SIGKILL, $process->wait());
    [$code, $output] = pillion($sandbox, 'status');
    same(0, $code);
    is_true(preg_match('~^queued +20 envelopes, ~m', $output) === 1, $output);
    is_true(preg_match('~^enabled +yes$~m', $output) === 1, $output);
    [$code, $output] = pillion($sandbox, 'status', '--json');
    $report = json_decode($output, true, 512, JSON_THROW_ON_ERROR);
    same([20, 20], [$report['status']['queue']['queue_length'], $report['metrics']['events_accepted']]);
    [$code, $output, $errors] = pillion($sandbox, 'flush', '--timeout', '60s');
    same([0, "20 envelopes of dead processes sent\n"], [$code, $output], $errors);
    same(20, count($sentry->events()));
    [, $output] = pillion($sandbox, 'status');
    is_true(preg_match('~^queued +0 envelopes~m', $output) === 1, $output);
});

test('the program lists dead letters and sends them again, one or all', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sandbox->set('sentry_retry_max_attempts', '1');
    $sentry->behave(['delivery' => ['drop_at' => 0], 'times' => 0]);
    $process = $sandbox->php(<<<'PHP'
        foreach (range(1, 3) as $n) {
            Pillion\Sentry\capture(['event_id' => sprintf('%032d', $n), 'message' => "message {$n}"]);
            Pillion\Sentry\flush(30);
        }
        report('letters', count(Pillion\Sentry\dead_letters()));
        PHP);
    same(3, $process->receive('letters', 60));
    [$code, $output] = pillion($sandbox, 'dead-letters');
    same([0, 3], [$code, substr_count($output, "\n")]);
    [, $line] = pillion($sandbox, 'dead-letters', '--limit', '1', '--json');
    $letter = json_decode($line, true, 512, JSON_THROW_ON_ERROR);
    same([sprintf('%032d', 3), ['event']], [$letter['event_id'], $letter['types']]);
    is_true(!str_contains($output . $line, parse_url($sentry->dsn, PHP_URL_USER)), 'no key is shown');
    [$code, , $errors] = pillion($sandbox, 'replay', 'no-such-letter');
    same(1, $code);
    is_true(str_contains($errors, 'there is no dead letter no-such-letter'), $errors);
    $sentry->behave();
    [$code, $output, $errors] = pillion($sandbox, 'replay', $letter['id']);
    same([0, "1 dead letters sent again\n"], [$code, $output], $errors);
    same([sprintf('%032d', 3)], $sentry->events());
    [$code, $output, $errors] = pillion($sandbox, 'replay');
    same([0, "2 dead letters sent again\n"], [$code, $output], $errors);
    same(3, count($sentry->events()));
    same([0, ''], \array_slice(pillion($sandbox, 'dead-letters'), 0, 2));
});

test('the program explains a wrong setting, and keeps envelopes that it can\'t send', function (Sandbox $sandbox): void {
    $sentry = $sandbox->sentry();
    $sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 0]);
    $process = $sandbox->php("Pillion\\Sentry\\capture(['message' => 'a']); posix_kill(getmypid(), SIGKILL);");
    $process->wait();
    [$code, $output, $errors] = pillion($sandbox, 'flush', '--timeout', '300ms');
    same([1, ''], [$code, $output]);
    is_true(str_contains($errors, '1 envelopes are still queued; the next Pillion process will send them'), $errors);
    $sentry->behave();
    same([0, "1 envelopes of dead processes sent\n"], \array_slice(pillion($sandbox, 'flush'), 0, 2));
    [$code, , $errors] = pillion($sandbox, '-d', 'pillion.sentry_durability=tape', 'status');
    same(1, $code);
    is_true(str_contains($errors, 'pillion.sentry_durability (INI)') && str_contains($errors, 'memory, disk'), $errors);
    [$code, , $errors] = pillion($sandbox, '-d', 'nonsense=1', 'status');
    same(2, $code);
    is_true(str_contains($errors, 'there is no setting pillion.nonsense'), $errors);
});
