--TEST--
one of several hosts produces a value, and futures reach the server behind the cache
--SKIPIF--
<?php shell_exec('command -v redis-server') || print 'skip no redis-server in PATH'; ?>
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['cache_url' => 'unix:{dir}/redis.sock', 'cache_timeout_ms' => '2000']);

use Pillion\Cache;

$socket = scratch('redis.sock');
$server = proc_open(
    ['redis-server', '--port', '0', '--unixsocket', $socket, '--save', '', '--dir', scratch()],
    [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']],
    $pipes,
);
register_shutdown_function(fn () => is_resource($server) && proc_terminate($server, SIGKILL));
while (!@stream_socket_client("unix://$socket")) {
    usleep(1000);
}

/** Begins to produce a value on another host, until the file `end` exists. */
function produce(string $key, string $stale = 'null'): array
{
    $process = php_start("
        echo Pillion\\Cache\\remember('$key', function () {
            touch(scratch('$key begun'));
            while (!file_exists(scratch('end'))) usleep(1000);
            return 'of the other host';
        }, 60, stale: $stale);", ['run_dir' => scratch('other')]);
    while (!file_exists(scratch("$key begun"))) {
        usleep(1000);
    }

    return $process;
}

$own = fn () => 'own';
$other = produce('a');
$waiting = php_start('echo Pillion\Cache\remember("a", fn () => "own");');
touch(scratch('end'));
echo php_end($other)['output'], ', ', php_end($waiting)['output'], "\n";
echo Cache\get('a'), "\n";

unlink(scratch('end'));
$killed = produce('b');
proc_terminate($killed['process'], SIGKILL);
echo Cache\remember('b', $own), "\n";
php_end($killed);

Cache\remember('c', fn () => 'old', 0.001, stale: 60);
while (Cache\has('c')) {
    usleep(500);
}
$other = produce('c');
echo Cache\remember('c', $own, 60, stale: 60), "\n";
touch(scratch('end'));
php_end($other);

php('Pillion\Cache\set_multiple(["x:1" => [1], "x:2" => 2, "y" => 3], 60);', ['run_dir' => scratch('other')]);
echo json_encode(Cache\fetch(['x:1', 'none', 'y'])->wait()), Cache\warm(['x:1', 'x:2', 'none'])->wait();
echo Cache\delete_matching('x:*')->wait(), json_encode(Cache\get_multiple(['x:1', 'x:2', 'y'])), "\n";

echo php('
    var_dump(Pillion\Cache\get("none"));
    while (!Pillion\Cache\keys()) usleep(1000);
    echo Pillion\Cache\keys()[0], Pillion\Cache\stats()["hits"];
', ['run_dir' => scratch('warm'), 'cache_patterns' => 'y warm=on'])['output'], "\n";

proc_terminate($server, SIGKILL);
proc_close($server);
echo Cache\remember('d', $own), json_encode(Cache\fetch(['d', 'none'])->wait()), Cache\delete_matching('d')->wait(), "\n";
?>
--EXPECT--
of the other host, of the other host
of the other host
own
old
{"x:1":[1],"y":3}22{"x:1":null,"x:2":null,"y":3}
NULL
y0
own{"d":"own"}1
