--TEST--
a value that this thread has decoded is never older than the shared one, and is PHP's own
--SKIPIF--
<?php
if (!function_exists('pcntl_fork')) {
    die('skip needs pcntl');
}
?>
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Cache;

$other = fn (string $code): string => php("use Pillion\Cache; $code")['output'];
$read = fn (): array => [Cache\get('text'), Cache\get('list')['n'] ?? null, Cache\get_multiple(['n'])['n']];
Cache\set_multiple(['text' => 'one', 'list' => ['n' => 1], 'n' => 1, 'object' => new ArrayObject([1])], 60);
echo json_encode([$read(), $read()]), "\n";

// Several keys, of which this thread has some: in their order, each once.
Cache\set_multiple(['a' => [1], 'b' => 'b', 7 => 'seven'], 60);
Cache\get_multiple(['a', 'b']);
$many = Cache\get_multiple(['a', 'b', 'a', 'none', '7', 'b'], 0);
$many['a'][] = 2;
echo json_encode([$many, Cache\get_multiple(['b', 'a', 7]), Cache\get_multiple([])]), "\n";

// PHP code changes its own copy only.
$list = Cache\get('list');
$list['n'] = 9;
$text = Cache\get('text');
$text .= '!';
$object = Cache\get('object');
$object[] = 2;
echo json_encode([$read(), count(Cache\get('object'))]), "\n";

// Each change by another process is seen at once.
$other('Cache\set("text", "two"); Cache\set("list", ["n" => 2]); Cache\increment("n");');
echo json_encode($read()), "\n";
$other('Cache\delete("text"); Cache\touch("list", 0.03);');
usleep(80_000);
echo json_encode($read()), "\n";
$other('Cache\clear();');
echo json_encode($read()), "\n";
Cache\set('text', 'tagged', 60, ['tag']);
$read();
$other('Cache\invalidate_tags(["tag"]);');
echo json_encode($read()), "\n";

// A forked child has a cache of its own, with the same values.
Cache\set('text', 'before');
$read();
$child = pcntl_fork();
if ($child === 0) {
    Cache\set('list', ['n' => Cache\get('text') === 'before' ? 3 : 0]);
    exit;
}
pcntl_waitpid($child, $status);
echo json_encode($read()), "\n";

// More than the memory for it: values come and go.
for ($round = 0; $round < 2; ++$round) {
    for ($i = 0; $i < 3000; ++$i) {
        $round === 0 && Cache\set("k$i", str_repeat(chr($i % 256), 2000));
        Cache\get("k$i") === str_repeat(chr($i % 256), 2000) || print "wrong value of k$i\n";
    }
}
$hits = Cache\stats()['hits'];
Cache\get('k1');
Cache\get('k1');
echo Cache\stats()['hits'] - $hits, ' hits, ', memory_get_usage() < 12 << 20 ? 'bounded' : memory_get_usage(), "\n";
echo $other('for ($i = 0; $i < 3; ++$i) { Cache\set("a", $i); echo Cache\get("a"), Cache\get("a"); }'), "\n";
echo php('use Pillion\Cache; Cache\set("a", 1); echo Cache\get("a"), Cache\get("a");', ['cache_local_size' => 0])['output'], "\n";
?>
--EXPECT--
[["one",1,1],["one",1,1]]
[{"a":[1,2],"b":"b","none":0,"7":"seven"},{"b":"b","a":[1],"7":"seven"},[]]
[["one",1,1],1]
["two",2,2]
[null,null,2]
[null,null,null]
[null,null,null]
["before",3,null]
2 hits, bounded
001122
11
