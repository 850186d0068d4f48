--TEST--
a lock belongs to one owner until it is released or its lease is over
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Cache;

$owner = Cache\lock('import', 60);
var_dump(strlen($owner), Cache\lock('import', 60), Cache\lock_owner('import') === $owner, Cache\has('import'));
echo php('var_dump(Pillion\Cache\lock("import", 1), Pillion\Cache\unlock("import", "me"), Pillion\Cache\clear());')['output'];
var_dump(Cache\lock_refresh('import', $owner, 0.05), Cache\lock_refresh('import', 'me', 1));
usleep(100_000);
var_dump(Cache\lock_owner('import'), Cache\unlock('import', $owner));
var_dump(Cache\lock('import', 60, 'me'), Cache\unlock('import', 'me'), Cache\lock_owner('import'));
thrown(fn () => Cache\lock('import', 0));
?>
--EXPECT--
int(32)
NULL
bool(true)
bool(false)
NULL
bool(false)
bool(true)
bool(true)
bool(false)
NULL
bool(false)
string(2) "me"
bool(true)
NULL
ValueError(0): Pillion\Cache\lock(): Argument #2 ($ttl) must be greater than 0
