--TEST--
invalidate_tags() makes values with a tag misses
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Cache;

Cache\set('one', 1, tags: ['users']);
Cache\set('both', 2, 60, ['users', 'posts']);
Cache\set('none', 3, 60, []);
var_dump(php('echo Pillion\Cache\invalidate_tags(["posts", "unused"]);')['output']);
var_dump(Cache\get_multiple(['one', 'both', 'none']));
Cache\set('both', 4, 60, ['posts']);
var_dump(Cache\get('both'), Cache\set('a', 1, null, range(1, 8)));
thrown(fn () => Cache\set('a', 1, null, range(1, 9)));
thrown(fn () => Cache\invalidate_tags([null]));
?>
--EXPECT--
string(1) "2"
array(3) {
  ["one"]=>
  int(1)
  ["both"]=>
  NULL
  ["none"]=>
  int(3)
}
int(4)
bool(true)
ValueError(0): Pillion\Cache\set(): Argument #4 ($tags) must have at most 8 elements
TypeError(0): Pillion\Cache\invalidate_tags(): Argument #1 ($tags) must contain only string, null given
