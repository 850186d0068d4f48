--TEST--
keys() lists pages of keys, stats() counts, clear() removes all values
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['cache_memory' => '2M', 'cache_namespace' => 'shop']);

use Pillion\Cache;

for ($i = 0; $i < 300; ++$i) {
    Cache\set("user:$i:orgs", $i);
}
Cache\set('user:*', 1);
$keys = [];
$after = null;
while ($page = Cache\keys('user:*:orgs', 70, $after)) {
    array_push($keys, ...$page);
    $after = end($page);
}
var_dump(count($keys), count(array_unique($keys)), Cache\keys('user:\*'), Cache\keys('none*'));
Cache\get('user:1:orgs');
Cache\get('none');
$stats = Cache\stats();
foreach (['enabled', 'available', 'reason', 'namespace', 'hits', 'misses', 'stores', 'entries', 'refused', 'memory', 'cleared_ms'] as $name) {
    echo $name, ' ', json_encode($stats[$name]), "\n";
}
var_dump($stats['memory_used'] + $stats['memory_free'] <= $stats['memory'], basename($stats['path'], '.seg') !== $stats['path']);
var_dump(Cache\clear(), Cache\keys(), Cache\stats()['entries'], Cache\stats()['cleared_ms'] > 0);
for ($i = 0; $i < 20_000; ++$i) {
    Cache\set("key $i", str_repeat('x', $i % 500));
}
var_dump(Cache\has('key 19999'), Cache\stats()['evictions'] > 10_000);
thrown(fn () => Cache\keys(limit: 0));
?>
--EXPECT--
int(300)
int(300)
array(1) {
  [0]=>
  string(6) "user:*"
}
array(0) {
}
enabled true
available true
reason null
namespace "shop"
hits 1
misses 1
stores 301
entries 301
refused 0
memory 2097152
cleared_ms null
bool(true)
bool(true)
bool(true)
array(0) {
}
int(0)
bool(true)
bool(true)
bool(true)
ValueError(0): Pillion\Cache\keys(): Argument #2 ($limit) must be between 1 and 100000
