--TEST--
increment() by several processes loses nothing
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Cache;

$started = array_map(
    fn () => php_start('for ($i = 0; $i < 5000; ++$i) { Pillion\Cache\increment("n", 2); }'),
    range(1, 3),
);
array_map(php_end(...), $started);
var_dump(Cache\get('n'), Cache\increment('n', -30_001));
var_dump(Cache\increment('short', 1, 0.03));
usleep(80_000);
var_dump(Cache\increment('short'));
Cache\set('text', 'a');
Cache\set('max', PHP_INT_MAX);
foreach (['text', 'max'] as $key) {
    $e = caught(fn () => Cache\increment($key));
    echo get_class($e), ' ', $e->getCode(), ': ', $e->getMessage(), "\n";
}
var_dump(Cache\get('max') === PHP_INT_MAX);
?>
--EXPECT--
int(30000)
int(-1)
int(1)
int(1)
Pillion\InvalidRequestException 200: key: found another value; expected an int that can be increased
Pillion\InvalidRequestException 200: key: found a number beyond the range of int; expected an int that can be increased
bool(true)
