--TEST--
the first pattern that matches a key gives its lifetime, and may hide the ids in it
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['config' => dirname(__DIR__, 3) . '/examples/cache-policies.yaml', 'cache_hash_secret' => 's']);

use Pillion\Cache;

Cache\set('user:ann@example.org:orgs', ['acme']);
Cache\set('other:1', 1);
Cache\get('user:ann@example.org:orgs');
var_dump(Cache\get('user:ann@example.org:orgs'), Cache\has('user:ann@example.org:orgs'));
$keys = preg_replace('/[0-9a-f]{32}/', 'HASH', Cache\keys());
sort($keys);
echo json_encode($keys), "\n";
Cache\increment('github:token:7:php/php-src');
echo json_encode(preg_replace('/[0-9a-f]{32}/', 'HASH', Cache\keys('github:token:*:*'))), "\n";
var_dump(Cache\touch('user:ann@example.org:orgs'), Cache\delete('user:ann@example.org:orgs'));
var_dump(Cache\get('user:ann@example.org:orgs'));

$short = php(
    'use Pillion\Cache;
    Cache\set("short:1", 1);
    Cache\set("short:2", 1, 60);
    Cache\set("long", 1);
    while (Cache\has("short:1")) usleep(1000);
    echo json_encode([Cache\get("short:1"), Cache\get("short:2"), Cache\get("long")]);',
    ['config' => '', 'cache_patterns' => 'short:* ttl=5ms, s*:2 ttl=1ms'],
);
echo $short['output'], "\n";
Cache\get('domain:example.org');
Cache\set('domain:example.org', str_repeat('x', 9 << 20));
echo json_encode(Cache\stats()['patterns']['user:{id}:orgs']), json_encode(Cache\stats()['patterns']['domain:{name}']), "\n";
preg_match_all('/^service_cache_.*(?:orgs|name|other).* [1-9]\d*$/m', $page = Pillion\Metrics\render(), $lines);
echo implode("\n", $lines[0]), "\n";
preg_match_all('/^cache_(?!hit_ratio).*{service="default"} [1-9]|^cache_hit_ratio{service="default"} 0\.\d/m', $page, $lines);
echo implode("\n", preg_replace('/{.*/', '', $lines[0])), "\n";
?>
--EXPECT--
array(1) {
  [0]=>
  string(4) "acme"
}
bool(true)
["other:1","user:HASH:orgs"]
["github:token:HASH:HASH"]
bool(true)
bool(true)
NULL
[null,1,1]
{"hits":2,"misses":1,"stores":1,"refused":0}{"hits":0,"misses":1,"stores":0,"refused":1}
service_cache_hits_total{service="default",key_type="other"} 2
service_cache_hits_total{service="default",key_type="user:{id}:orgs"} 2
service_cache_misses_total{service="default",key_type="domain:{name}"} 1
service_cache_misses_total{service="default",key_type="other"} 1
service_cache_misses_total{service="default",key_type="user:{id}:orgs"} 1
service_cache_set_failures_total{service="default",key_type="domain:{name}"} 1
cache_hit_ratio
cache_misses_total
cache_memory_used_bytes
cache_memory_limit_bytes
cache_filled_since_timestamp_seconds
