--TEST--
a value stays for its lifetime; add() stores it once, touch() renews it
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['cache_ttl_default' => '1h']);

use Pillion\Cache;

Cache\set('short', 1, 0.05);
Cache\set('renewed', 1, 0.05);
Cache\set('interval', 1, new DateInterval('PT1M'));
Cache\set('default', 1);
Cache\set('text', 1, '60');
var_dump(Cache\add('short', 2), Cache\get('short'), Cache\touch('renewed', 60), Cache\touch('none'));
usleep(100_000);
var_dump(Cache\get('short'), Cache\get('renewed'), Cache\get('interval'), Cache\get('default'), Cache\get('text'));
var_dump(Cache\add('short', 3), Cache\get('short'), Cache\touch('short', 0), Cache\has('short'));
var_dump(Cache\set('default', 2, -1), Cache\has('default'), Cache\set('past', 1, DateInterval::createFromDateString('-1 day')));
// The lifetime of a counter is that of its first value; a new one without a lifetime does not stay.
var_dump(Cache\increment('text', 2, 0), Cache\get('text'), Cache\increment('none', 1, 0), Cache\has('none'));
thrown(fn () => Cache\set('a', 1, []));
thrown(fn () => Cache\set('a', 1, NAN));
?>
--EXPECT--
bool(false)
int(1)
bool(true)
bool(false)
NULL
int(1)
int(1)
int(1)
int(1)
bool(true)
int(3)
bool(true)
bool(false)
bool(true)
bool(false)
bool(true)
int(3)
int(3)
int(1)
bool(false)
TypeError(0): Pillion\Cache\set(): Argument #3 ($ttl) must be of type DateInterval|int|float|null, array given
ValueError(0): Pillion\Cache\set(): Argument #3 ($ttl) must be a number
