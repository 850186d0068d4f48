<?php

// The worker of the command line: one process with the requests that mix.lua sends to the other hosts. Each line of its
// input is a number: it continues up to that number of requests, and reports their outcome.

declare(strict_types=1);

require __DIR__ . '/../hosts/application.php';

/** @return array{string, string} the action and the name of the configuration */
function asks(int $n): array
{
    $share = $n % 1000;
    $known = 'known ' . ($n * 7) % 40;
    $churn = 'churn ' . $n % 8;

    return match (true) {
        $share < 600 => ['find', $known],
        $share < 760 => ['find', 'missing ' . ($n * 7) % 40],
        $share < 880 => ['submit', $known],
        $share < 930 => ['status', ''],
        $share < 970 => ['notified', $known],
        $share < 985 => ['builds', ''],
        $share < 990 => ['entries', ''],
        $share < 992 => ['build', $churn],
        $share < 993 => ['forget', $churn],
        $share < 996 => ['put', 'put ' . $n % 8],
        $share < 998 => ['build', $churn],
        default => ['rebuild', $churn],
    };
}

$application = new Application();
$total = $bad = 0;
$first = '';
while (($line = fgets(STDIN)) !== false) {
    for ($until = (int) $line; $total < $until; $total++) {
        [$path, $name] = asks($total);
        $answer = $application->answer($path, ['name' => $name]);
        if (str_contains($answer, '"class"') || str_contains($answer, '"good":false')) {
            $bad++;
            $first = $first ?: $answer;
        }
    }
    report('asked', ['total' => $total, 'bad' => $bad, 'first' => $first, 'errors' => 0, 'heap' => Pillion\status()['heap']['bytes']]);
}
