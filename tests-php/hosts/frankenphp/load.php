<?php

// Requests during restarts of FrankenPHP.

declare(strict_types=1);

namespace Pillion\Tests;

/**
 * Sends requests continuously, and calls $change so many times meanwhile.
 *
 * @return array<string, int> outcome of requests => number
 */
function under_load(Sandbox $sandbox, FrankenPhp $host, int $changes, callable $change, int $patience = 40): array
{
    // A separate process, so that changes don't wait for answers.
    $client = $sandbox->start('client', [PHP_BINARY, __DIR__ . '/client.php', $host->url(''), (string) $patience]);
    same('requests are on their way', $client->line());
    for ($i = 0; $i < $changes; $i++) {
        usleep(random_int(20_000, 150_000));
        $change($i);
    }
    $client->writeLine();
    $outcomes = json_decode($client->line(90) ?? fail('the client has died: ' . $client->errors()), true);
    same(0, $client->wait());

    return $outcomes;
}

/** A restart with one more build under way. */
function restart_amid_a_build(FrankenPhp $host): callable
{
    return function (int $i) use ($host): void {
        $host->ask('submit', name: "long {$i}");
        $host->restart();
    };
}

/** @param array<string, int> $statuses outcomes of requests during restarts */
function no_request_is_lost(array $statuses): void
{
    $odd = array_diff_key($statuses, ['good' => 0, 'answered' => 0, 'Pillion\CancelledException' => 0]);
    same([], $odd, 'answers: ' . show($statuses));
}
