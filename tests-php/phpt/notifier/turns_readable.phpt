--TEST--
The notifier is readable when a future is done; completed() drains it
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['delay_ms' => 300]);

$notifier = Pillion\notifier();
var_dump(get_resource_type($notifier), readable($notifier, 0), Pillion\completed());

$future = Pillion\Velox\build(request());
var_dump(readable($notifier, 30), $future->isDone());
// It stays readable until it is drained.
var_dump(readable($notifier, 0));
var_dump(Pillion\completed() === [$future], readable($notifier, 0), Pillion\completed());

// A hit is done at once and notified as well.
$hit = Pillion\Velox\build(request());
var_dump(readable($notifier, 30), Pillion\completed() === [$hit]);
?>
--EXPECT--
string(6) "stream"
bool(false)
array(0) {
}
bool(true)
bool(true)
bool(true)
bool(true)
bool(false)
array(0) {
}
bool(true)
bool(true)
