--TEST--
Cancelling one of two futures of a build does not cancel the other
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 2000]);

use Pillion\Velox;

[$first, $second] = [Velox\build(request()), Velox\build(request())];
until(fn () => 1 === $velox->count('in_flight'));
var_dump($first->cancel());
echo $second->wait(30)->key, ' ', $first->state(), "\n";
var_dump($velox->count('builds_started'), $velox->count('builds_cancelled'));
?>
--EXPECT--
bool(true)
2eccb077c71e1f91 cancelled
int(1)
int(0)
