<?php

// A PHP process beside the standing servers that a chaos scenario kills. Arguments: role, seed, configurations. It ends
// when its standard input does, and is never killed.
//
// `links`: prints the path of a ticket for each configuration. `worker`: counts, builds and reads, and prints `counted`
// with the number of its increments at the end; a line `wrong …` names the invariant that does not hold.

declare(strict_types=1);

use Pillion\Cache;
use Pillion\Metrics;
use Pillion\Velox;

[, $role, $seed, $configurations] = $argv;
mt_srand((int) $seed);

/** @return array<string, mixed> */
function configuration(int $n): array
{
    return [
        'rr_version' => "v2025.2.{$n}",
        'target_platform' => ['os' => 'linux', 'arch' => 'amd64'],
        'plugins' => [['module_name' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.2.7']],
    ];
}

if ($role === 'links') {
    // As a server does, so that PHP hands its clients over.
    is_dir(ini_get('pillion.run_dir')) || mkdir(ini_get('pillion.run_dir'), 0700, true);
    $lock = fopen(ini_get('pillion.run_dir') . '/serve.lock', 'c');
    flock($lock, LOCK_EX);
    for ($n = 0; $n < $configurations; ++$n) {
        $response = Velox\response(configuration($n), ['method' => 'GET', 'uri' => '/', 'headers' => []]);
        echo parse_url($response['headers']['Location'] ?? '', PHP_URL_PATH) ?: "wrong response {$response['status']}", "\n";
    }
    exit;
}

$counted = 0;
$has_ended = static function (): bool {
    $read = [STDIN];
    $write = $except = null;

    return stream_select($read, $write, $except, 0) > 0;
};
for ($round = 0; !$has_ended(); ++$round) {
    try {
        Metrics\increment('chaos_events_total', ['worker' => $seed]);
        ++$counted;
        Cache\set("round {$seed}", $round);
        if (Cache\get("round {$seed}") !== $round) {
            echo "wrong value in the shared cache\n";
        }
        if ($round % 20 === 0) {
            $artifact = Velox\build(configuration(mt_rand(0, (int) $configurations - 1)))->wait(60);
            if (hash_file('sha256', $artifact->path) !== $artifact->sha256) {
                echo "wrong bytes of {$artifact->key}\n";
            }
        }
    } catch (Throwable $thrown) {
        echo 'wrong: ' . $thrown::class . ': ' . strtr($thrown->getMessage(), "\n", ' ') . "\n";
    }
    usleep(2_000);
}
echo "counted {$counted}\n";
