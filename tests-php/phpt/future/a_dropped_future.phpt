--TEST--
A dropped future does not stop its build, and the binary is in the cache
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 200]);

use Pillion\Velox;

Velox\build(request());
until(fn () => null !== Velox\find(request()));
var_dump($velox->count('builds_finished'), Pillion\completed());
?>
--EXPECT--
int(1)
array(0) {
}
