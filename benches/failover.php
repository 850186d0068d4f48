<?php

declare(strict_types=1);

/**
 * Failover times. One process builds and is the leader of the host, another one waits for the same build; the first is
 * killed. Measured from the kill: until the server gets the next request, until the other process is the leader, and
 * until the presence of the dead process is removed, by the next process that lists presences or at the latest by the
 * new leader.
 */

use Pillion\Velox;

require __DIR__ . '/support.php';

const DEATHS = 9;

$request = ['plugins' => [['module_name' => 'github.com/acme/failover', 'tag' => 'v1.0.' . ($argv[2] ?? 0)]]] + CONFIG;
if (($argv[1] ?? '') === 'process') {
    // Runs until it is killed. The second process reports after a delay, when it has joined the flight of the first.
    $build = Velox\build($request);
    usleep(500_000);
    echo "ready\n";
    $build->wait(60);
    exit;
}

$server = static fn (string $method, string $body = ''): array => json_decode(file_get_contents(
    environment('VELOX_URL') . '/_control',
    context: stream_context_create(['http' => ['method' => $method, 'header' => 'Content-Type: application/json', 'content' => $body]]),
), true);
$settings = array_filter(ini_get_all('pillion', false), static fn (?string $value): bool => $value !== null && $value !== '');
$start = static function (int $death) use ($settings): array {
    $process = proc_open([...php(['pillion'], $settings), __FILE__, 'process', (string) $death], [1 => ['pipe', 'w']], $pipes);

    return [$process, $pipes[1]];
};
$until = static function (callable $holds): int {
    for ($end = hrtime(true) + 30_000_000_000; !$holds(); usleep(200)) {
        hrtime(true) < $end || throw new RuntimeException('what was waited for did not come');
    }

    return hrtime(true);
};
$presences = static fn (): array => array_diff(scandir($settings['pillion.run_dir'] . '/presence'), ['.', '..']);
// The holder of the lock from the kernel's list, because Pillion's status would remove presences of dead processes.
$leader = static function () use ($settings): int {
    $inode = (int) @fileinode($settings['pillion.run_dir'] . '/leader.lock');

    return preg_match("~FLOCK  ADVISORY  WRITE (\d+) \S+:$inode ~", file_get_contents('/proc/locks'), $found) ? (int) $found[1] : 0;
};
$server('POST', '{"delay_ms": 60000}');
$took = [];
for ($death = 1; $death <= DEATHS; $death++) {
    [$first, $said] = $start($death);
    fgets($said) === "ready\n" || throw new RuntimeException('the first process has ended');
    $pid = proc_get_status($first)['pid'];
    $until(static fn (): bool => $leader() === $pid);
    $dead = $presences();
    [$second, $said] = $start($death);
    fgets($said) === "ready\n" || throw new RuntimeException('the second process has ended');
    $asked = $server('GET')['build_requests'];

    $killed = hrtime(true);
    proc_terminate($first, 9);
    $seen = [];
    $until(static function () use (&$seen, $server, $asked, $leader, $pid, $presences, $dead): bool {
        $seen += array_map(static fn (): int => hrtime(true), array_filter([
            'asked' => !isset($seen['asked']) && $server('GET')['build_requests'] > $asked,
            'leader' => !isset($seen['leader']) && !in_array($leader(), [0, $pid], true),
            'swept' => !isset($seen['swept']) && array_intersect($dead, $presences()) === [],
        ]));

        return count($seen) === 3;
    });
    foreach ($seen as $what => $at) {
        $took[$what][] = ($at - $killed) / 1e6;
    }
    proc_close($first);
    proc_terminate($second, 9);
    proc_close($second);
}
$server('POST', '{"delay_ms": 0}');

$tell = static fn (string $what): string => (new Samples($took[$what]))->tell('ms');
row('a builder is killed: until the next one asks the server', $tell('asked'), '–', '', 'about a second', []);
row('the leader is killed: until there is another', $tell('leader'), '–', '', 'about a second', []);
row('a process is killed: until its presence is removed by the next process that lists presences', $tell('swept'), '–', '', '', []);
