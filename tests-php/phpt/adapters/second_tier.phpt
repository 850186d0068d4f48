--TEST--
adapters with a server behind the cache: two hosts, prefixes, tags
--SKIPIF--
<?php shell_exec('command -v redis-server') || print 'skip no redis-server in PATH'; ?>
--FILE--
<?php
require_once __DIR__ . '/../lib.inc';
without_velox(['cache_url' => 'unix:{dir}/redis.sock']);
require __DIR__ . '/cases.inc';

use Pillion\Bridge\SimpleCache\Cache;
use Pillion\Bridge\Symfony\CacheAdapter;

$socket = scratch('redis.sock');
$server = proc_open(['redis-server', '--port', '0', '--unixsocket', $socket, '--save', '', '--dir', scratch()], [['file', '/dev/null', 'r'], ['file', '/dev/null', 'w'], ['file', '/dev/null', 'w']], $pipes);
register_shutdown_function(fn () => proc_terminate($server, SIGKILL));
until(fn (): bool => (bool) @stream_socket_client("unix://$socket"));

/** Runs code on another host: with memory of its own. */
function other_host(string $code): string
{
    return php('require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
        use Pillion\Bridge\SimpleCache\Cache;
        use Pillion\Bridge\Symfony\CacheAdapter;
        ' . $code, ['run_dir' => scratch('other')])['output'];
}

$cache = new Cache('one*:');
$pool = new CacheAdapter('shop');
$cache->setMultiple(['a' => 1, 'b' => [1.5, 'x' => null]], 60);
$pool->get('page', function ($item) {
    $item->expiresAfter(60)->tag(['news']);

    return ['text'];
});
same('{"a":1,"b":{"0":1.5,"x":null}} ["text"] [["news"],true]', other_host('echo json_encode((new Cache("one*:"))->getMultiple(["a", "b"])), " ",
    json_encode((new CacheAdapter("shop"))->get("page", fn () => 0, null, $metadata)), " ",
    json_encode([array_values($metadata["tags"]), $metadata["expiry"] > time()]);'), 'the other host has the values');
other_host('(new Cache("one*:"))->set("c", 1); (new Cache("one"))->set("d", 1);');
same([true, ['a' => null, 'b' => null, 'c' => null]], [$cache->clear(), $cache->getMultiple(['a', 'b', 'c'])], 'clear of a prefix reaches the server');
same(1, (new Cache('one'))->get('d'), 'another prefix stays');
$pool->invalidateTags(['news']);
same('other', other_host('echo (new CacheAdapter("shop"))->get("page", fn () => "other");'), 'an invalidated tag reaches the server');
echo "done\n";
?>
--EXPECT--
done
