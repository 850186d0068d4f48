<?php

// Shared by the tests of worker mode: each host serves `endings.php`, and gets one list of endings.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib.php';

/** Endings of a request, and the HTTP status of each: in a worker, and in a script of its own. */
const ENDINGS = [
    'return' => 200,
    'echo' => 200,
    'throw' => 500,
    'throw_from_deep' => 500,
    'error' => 500,
    'fatal' => 500,
    'memory' => 500,
    'time' => 500,
    'exit' => 200,
    'exit_from_deep' => 200,
    'exit_code' => 200,
    'exit_in_finally' => 200,
    'die_in_destructor' => 200,
    'die_in_output_callback' => 200,
    'die_in_shutdown_function' => 200,
    'throw_in_destructor' => 500,
    'nested_buffers' => 200,
    'buffers_left_open' => 200,
    'headers_early' => 200,
    'redirect' => 302,
    'flush' => 200,
    'finish_and_work' => 200,
    'finish_and_exit' => 200,
    'finish_and_throw' => 200,
    'generator' => 200,
    'generator_left' => 200,
    'fiber' => 200,
    'fiber_suspended' => 200,
    'exit_in_fiber' => 200,
    'ini_set' => 200,
    'chdir' => 200,
    'warning' => 200,
];

/** Makes Pillion log each request to a file, as JSON; the host under test shares the file. */
function log_requests(Sandbox $sandbox): void
{
    $sandbox->set('log', $sandbox->setting('state_dir') . '/log');
    $sandbox->set('log_level', 'debug');
    $sandbox->set('log_format', 'json');
}

/** @return list<string> the ids of the requests that the application has begun, sorted */
function begun(Sandbox $sandbox): array
{
    $ids = array_keys(begun_paths($sandbox));
    sort($ids);

    return $ids;
}

/** @return array<string, string> the path of each request that the application has begun */
function begun_paths(Sandbox $sandbox): array
{
    $paths = [];
    foreach (file($sandbox->setting('state_dir') . '/begun', FILE_IGNORE_NEW_LINES) as $line) {
        [$id, $path] = explode(' ', $line);
        isset($paths[$id]) && fail("two requests have the id {$id}");
        $paths[$id] = trim($path, '/');
    }

    return $paths;
}

/** @return list<string> the ids of requests with hooks run after them, sorted */
function reset_after(Sandbox $sandbox): array
{
    $ids = file($sandbox->setting('state_dir') . '/reset', FILE_IGNORE_NEW_LINES);
    sort($ids);

    return $ids;
}

/**
 * Endings after which PHP runs no further shutdown function, and so no hook.
 */
const NO_HOOKS_AFTER = ['die_in_shutdown_function'];

/** Requires hooks to have run once after each ended request, except for NO_HOOKS_AFTER. */
function all_reset(Sandbox $sandbox): void
{
    $paths = begun_paths($sandbox);
    $reset = reset_after($sandbox);
    same($reset, array_values(array_unique($reset)), 'a hook has run twice');
    same([], array_values(array_diff($reset, array_keys($paths))), 'a hook has run after nothing');
    $missing = array_map(fn (string $id): string => $paths[$id], array_values(array_diff(array_keys($paths), $reset)));
    same([], array_values(array_diff($missing, NO_HOOKS_AFTER)), 'no hook has run after');
    same(count(array_keys($paths, NO_HOOKS_AFTER[0], true)), count($missing), 'skipped');
}

/** @return list<string> the ids of requests that Pillion has logged as ended, sorted */
function ended(Sandbox $sandbox): array
{
    $ids = [];
    foreach (file($sandbox->setting('state_dir') . '/log') as $line) {
        $entry = json_decode($line, true);
        ($entry['event'] ?? null) === 'request handled' && $ids[] = $entry['request_id'];
    }
    sort($ids);

    return $ids;
}

/** Requires one end for each request of the application, and no other end. */
function all_ended(Sandbox $sandbox, int $least): void
{
    eventually('each request has ended', fn (): bool => count(ended($sandbox)) >= count(begun($sandbox)));
    same([], array_diff(ended($sandbox), begun($sandbox)), 'ended without a beginning');
    same(begun($sandbox), ended($sandbox), 'requests');
    is_true(count(begun($sandbox)) >= $least, 'few requests: ' . count(begun($sandbox)));
}

/**
 * Paths in a random order that the seed determines.
 *
 * @return list<string>
 */
function mixed_endings(int $count, int $seed, array $without = []): array
{
    $names = array_values(array_diff(array_keys(ENDINGS), $without));
    $engine = new \Random\Randomizer(new \Random\Engine\Mt19937($seed));
    $paths = [];
    for ($i = 0; $i < $count; $i++) {
        $paths[] = $names[$i % count($names)];
    }

    return $engine->shuffleArray($paths);
}
