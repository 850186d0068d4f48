<?php

declare(strict_types=1);

/**
 * The shared cache: two PHP processes that know nothing of each other, and the program `pillion`, share values; writers
 * are killed in the middle of a store, and no reader waits or gets a torn value. Behind the memory of the host there
 * may be a Redis, which other hosts share, and which may go away. The environment variables PILLION_BIN and REDIS name
 * the programs.
 */

use Pillion\Cache;

require __DIR__ . '/RedisServer.php';

const SIZE = 1 << 18;

// The work of the other PHP processes.
switch ($argv[1] ?? '') {
    case 'store':
        Cache\set('demo:user', ['id' => 7, 'name' => 'Ada', 'ratio' => 1.0, 'by' => getmypid()], 60, ['demo']);
        exit;
    case 'write':
        for ($i = 0; true; ++$i) {
            Cache\set('demo:large', str_repeat(chr($i % 256), SIZE), 60);
        }
}

// The same settings for all of them: `-d` options are passed on, the environment is inherited.
$options = array_merge(...array_map(static fn (string $name, array $set): array => ['-d', "$name={$set['global_value']}"], array_keys($all = array_filter(
    ini_get_all('pillion') ?: [],
    static fn (array $set): bool => ($set['global_value'] ?? '') !== '',
)), $all));
$extension = getenv('PILLION_SO') ? ['-d', 'extension=' . getenv('PILLION_SO')] : [];
$php = [PHP_BINARY, ...$extension, ...$options, __FILE__];

/** Runs the program `pillion`. Returns its output. */
function pillion(string ...$arguments): string
{
    global $options;
    $program = getenv('PILLION_BIN') ?: 'pillion';
    printf("  $ pillion cache %s\n", implode(' ', array_map(static fn (string $word): string => preg_match('~[^\w:/.-]~', $word) ? "'$word'" : $word, $arguments)));
    $process = proc_open([$program, 'cache', ...$options, ...$arguments], [1 => ['pipe', 'w']], $pipes);
    $output = (string) stream_get_contents($pipes[1]);
    $code = proc_close($process);
    if ($code > 1) {
        throw new RuntimeException("pillion cache ended with $code");
    }

    return $output;
}

/** With `pillion.cache_url`: the same calls, and a Redis behind them. */
function behind_the_memory(RedisServer $redis): void
{
    echo "\nA Redis behind the memory of this host, which other hosts share.\n";
    Cache\set('demo:motd', ['text' => 'Back at noon', 'ratio' => 1.0]);
    $json = $redis->get('demo:motd');
    echo '  Redis has: ', $json, "\n";
    check($json === '{"text":"Back at noon","ratio":1.0}', 'the value is not in Redis');
    $other = sys_get_temp_dir() . '/pillion-demo-' . bin2hex(random_bytes(6));
    echo "  On another host, with memory of its own:\n";
    $found = pillion('-d', "run_dir=$other", 'get', 'demo:motd');
    echo '  ', $found;
    check(trim($found) === $json, 'the other host has another value');
    $left = new RecursiveIteratorIterator(new RecursiveDirectoryIterator($other, FilesystemIterator::SKIP_DOTS), RecursiveIteratorIterator::CHILD_FIRST);
    foreach ($left as $file) {
        $file->isDir() ? rmdir($file->getPathname()) : unlink($file->getPathname());
    }
    rmdir($other);

    $redis->kill();
    for ($end = microtime(true) + 30; Cache\stats()['second_tier']['connected'];) {
        check(microtime(true) < $end, 'the end of Redis is not noticed');
        usleep(1000);
    }
    $slowest = 0;
    for ($i = 0; $i < 1000; ++$i) {
        $began = hrtime(true);
        Cache\set("demo:$i", $i);
        Cache\get("demo:missing:$i");
        check(Cache\get("demo:$i") === $i, 'a value is lost');
        $slowest = max($slowest, hrtime(true) - $began);
    }
    printf("  Redis is killed. 3,000 calls store and read values of this host all the same; the slowest three took %.0f ms.\n", $slowest / 1e6);

    $redis->start();
    for ($end = microtime(true) + 30; $redis->get('demo:again') !== '1';) {
        check(microtime(true) < $end, 'Redis is not used again');
        Cache\set('demo:again', 1);
        usleep(10_000);
    }
    echo "  Redis is there again, and has the values that are stored from now on.\n";
}

function check(bool $isRight, string $failure): void
{
    $isRight || throw new RuntimeException($failure);
}

if (($argv[1] ?? '') === 'redis') {
    behind_the_memory(new RedisServer($argv[2]));
    exit;
}

echo "Another PHP process stores an array, and ends.\n";
proc_close(proc_open([...$php, 'store'], [], $pipes));
// The first call opens the memory.
Cache\has('demo:user');
$began = hrtime(true);
$user = Cache\get('demo:user');
printf("  This one, %d, reads it in %.1f µs: %s\n", getmypid(), (hrtime(true) - $began) / 1e3, json_encode($user, JSON_PRESERVE_ZERO_FRACTION));
check($user['ratio'] === 1.0 && $user['by'] !== getmypid(), 'the value is not that of the other process');
$began = hrtime(true);
for ($i = 0; $i < 100_000; ++$i) {
    Cache\get('demo:user');
}
printf("  100,000 times again: %d ns each, loop included.\n\n", (hrtime(true) - $began) / 100_000);

echo "The command line has the same values.\n";
$json = pillion('get', 'demo:user');
echo '  ', $json;
check(json_decode($json, true) === $user, 'the program has another value');
pillion('set', 'demo:user', '{"id":7,"name":"Grace"}', '--tag', 'demo');
echo '  PHP: ', $name = Cache\get('demo:user')['name'], "\n";
check($name === 'Grace', 'PHP has an old value');
pillion('invalidate', 'demo');
echo '  PHP: ', var_export(Cache\get('demo:user'), true), "\n\n";
check(Cache\get('demo:user') === null, 'PHP has an invalidated value');

printf("Twenty processes store values of %d KB without a pause, and are killed in the middle of it.\n", SIZE >> 10);
$times = [];
$torn = 0;
for ($kill = 0; $kill < 20; ++$kill) {
    Cache\delete('demo:large');
    $writer = proc_open([...$php, 'write'], [], $pipes);
    // It is at work for a while, and then no more.
    for ($first = null; true;) {
        $began = hrtime(true);
        $value = Cache\get('demo:large');
        if ($value === null) {
            check(proc_get_status($writer)['running'], 'the writer has ended');
            continue;
        }
        $times[] = hrtime(true) - $began;
        $torn += $value === str_repeat($value[0], SIZE) ? 0 : 1;
        $first ??= hrtime(true);
        if (hrtime(true) - $first > random_int(0, 20_000_000)) {
            break;
        }
    }
    proc_terminate($writer, SIGKILL);
    proc_close($writer);
    check(Cache\set('demo:large', 'here') && Cache\get('demo:large') === 'here', 'a store after the kill was lost');
}
sort($times);
printf("  %d reads meanwhile: %d torn values; 99 %% of them took less than %d µs, the slowest %.1f ms.\n", count($times), $torn, 1 + $times[(int) (count($times) * 0.99)] / 1e3, end($times) / 1e6);
check($torn === 0, 'a value was torn');

if (getenv('REDIS')) {
    $socket = sys_get_temp_dir() . '/pillion-redis-' . bin2hex(random_bytes(6));
    $status = proc_close(proc_open([PHP_BINARY, ...$extension, ...$options, '-d', "pillion.cache_url=unix:$socket", __FILE__, 'redis', $socket], [], $pipes));
    exit($status);
}
