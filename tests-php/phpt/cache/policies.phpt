--TEST--
the first pattern that matches a key gives its lifetime, and may hide the ids in it
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['config' => dirname(__DIR__, 3) . '/examples/cache-policies.yaml', 'cache_hash_secret' => 's']);

use Pillion\Cache;

Cache\set('user:ann@example.org:orgs', ['acme']);
Cache\set('other:1', 1);
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
