<?php

declare(strict_types=1);

/**
 * Single lookups while another process changes the index at full speed and is killed in the middle, repeatedly; and the
 * same without another process. For APCu the other process is forked from this one and never killed, since its lock
 * would stay locked forever. The cost of reading the clock is subtracted on both sides.
 */

use Pillion\Velox;

require __DIR__ . '/support.php';

const ENTRIES = 2048;
const ROUNDS = 7;
const DEATHS = 10;
const LOOKUPS = 10_000;

$settings = array_filter(ini_get_all('pillion', false), static fn (?string $value): bool => $value !== null && $value !== '');
$storm = [environment('PILLION_FIXTURES'), $settings['pillion.velox_cache_dir'], $settings['pillion.run_dir'], (string) ENTRIES, '16384', 'writes'];
$keys = array_map(fixture_key(...), range(0, ENTRIES - 1));
foreach ($keys as $key) {
    apcu_store($key, metadata($key));
    Velox\find($key)?->key === $key || throw new RuntimeException("Pillion's index lacks $key");
}

$missed = 0;
$ours = static function (string $key) use (&$missed): void {
    $missed += Velox\find($key) === null ? 1 : 0;
};
$peer = static function (string $key): void {
    apcu_fetch($key);
};
$beside = [
    'quiet' => static fn (callable $lookups): array => $lookups(),
    'killed' => static function (callable $lookups) use ($storm): array {
        $writer = proc_open($storm, [2 => ['file', '/dev/null', 'w']], $pipes);
        // Until it writes.
        usleep(20_000);
        proc_get_status($writer)['running'] || throw new RuntimeException('the writer has ended by itself');
        $took = $lookups();
        proc_terminate($writer, 9);
        proc_close($writer);

        return $took;
    },
    'stores' => static function (callable $lookups) use ($keys): array {
        [$here, $there] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
        if (pcntl_fork() === 0) {
            stream_set_blocking($there, false);
            while (fread($there, 1) === '') {
                foreach ($keys as $key) {
                    apcu_store($key, metadata($key));
                }
            }
            exit(0);
        }
        usleep(20_000);
        $took = $lookups();
        fwrite($here, 'x');
        pcntl_wait($status);

        return $took;
    },
];

/** @return array{float, float} p50 and p99 of single lookups, in nanoseconds */
$measure = static function (callable $lookup, callable $beside) use ($keys): array {
    $took = $clock = [];
    for ($death = 0; $death < DEATHS; $death++) {
        array_push($took, ...$beside(static function () use ($lookup, $keys, &$clock): array {
            $took = [];
            for ($i = 0; $i < LOOKUPS / DEATHS; $i++) {
                $key = $keys[mt_rand(0, ENTRIES - 1)];
                $started = hrtime(true);
                $lookup($key);
                $took[] = hrtime(true) - $started;
                $started = hrtime(true);
                $clock[] = hrtime(true) - $started;
            }

            return $took;
        }));
    }
    $samples = (new Samples($took))->less((new Samples($clock))->median());

    return [$samples->at(0.5), $samples->at(0.99)];
};

$figures = [];
for ($round = 0; $round <= ROUNDS; $round++) {
    foreach (['ours quiet' => [$ours, 'quiet'], 'peer quiet' => [$peer, 'quiet'], 'ours written' => [$ours, 'killed'], 'peer written' => [$peer, 'stores']] as $name => [$lookup, $when]) {
        $found = $measure($lookup, $beside[$when]);
        if ($round > 0) {
            [$figures[$name]['p50'][], $figures[$name]['p99'][]] = $found;
        }
    }
}
$tell = static fn (string $name, string $share): string => (new Samples($figures[$name][$share]))->tell('ns');
foreach (['p50', 'p99'] as $share) {
    row("a lookup alone, $share", $tell('ours quiet', $share), "`apcu_fetch`: {$tell('peer quiet', $share)}", '', '', []);
    row(
        "the same while a writer changes the index at full speed and is killed, $share",
        $tell('ours written', $share),
        "`apcu_fetch` beside `apcu_store`, without kills: {$tell('peer written', $share)}",
        $share === 'p50' ? '' : sprintf('%d of %s not found', $missed, number_format(2 * (ROUNDS + 1) * LOOKUPS)),
        '',
        [],
    );
}
