<?php

// Sends requests to FrankenPHP, six at a time, until it reads a line; then it prints the numbers by outcome as JSON. In
// a separate process beside a test that restarts the host. Arguments: URL, seconds that a request may take.

declare(strict_types=1);

namespace Pillion\Tests;

require __DIR__ . '/../lib/Http.php';

/** The outcome of a request in one word. */
function verdict(array $answer): string
{
    if ($answer['status'] !== 200) {
        return $answer['status'] === 0 ? 'not answered' : "{$answer['status']} {$answer['body']}";
    }
    $outcome = json_decode($answer['body'], true)['answer'] ?? null;

    return match (true) {
        !is_array($outcome) => 'answered',
        isset($outcome['class']) => $outcome['class'],
        default => ($outcome['good'] ?? false) ? 'good' : $answer['body'],
    };
}

stream_set_blocking(STDIN, false);
echo "requests are on their way\n";
$outcomes = [];
for ($round = 0; fgets(STDIN) === false; $round++) {
    $urls = [];
    for ($i = 0; $i < 40; $i++) {
        $query = http_build_query(['name' => "load {$round} " . $i % 6, 'seconds' => 20]);
        $urls[] = $argv[1] . ['find', 'submit', 'hello', 'build', 'notified'][$i % 5] . "?{$query}";
    }
    foreach (Http::many($urls, 6, (float) $argv[2]) as $i => $answer) {
        $verdict = verdict($answer);
        $outcomes[$verdict] = ($outcomes[$verdict] ?? 0) + 1;
    }
}
echo json_encode($outcomes, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
