--TEST--
build() returns a future of an artifact, and the second build is a hit
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

$future = Velox\build(request());
echo get_class($future), "\n";
$artifact = $future->wait(30);
var_dump($artifact->cacheStatus, $artifact->key, $future->state());
var_dump(is_executable($artifact->path), filesize($artifact->path) === $artifact->size);

$again = Velox\build(request());
var_dump($again->isDone(), $again->wait()->cacheStatus, $velox->count('builds_started'));
?>
--EXPECT--
Pillion\Future
string(4) "MISS"
string(16) "2eccb077c71e1f91"
string(4) "done"
bool(true)
bool(true)
bool(true)
string(3) "HIT"
int(1)
