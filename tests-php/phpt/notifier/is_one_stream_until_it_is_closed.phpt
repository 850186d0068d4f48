--TEST--
notifier() returns one stream until it is closed, then a new one
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['delay_ms' => 200]);

$first = Pillion\notifier();
var_dump($first === Pillion\notifier());
fclose($first);
$second = Pillion\notifier();
var_dump($second === $first, $second === Pillion\notifier(), feof($second));

$future = Pillion\Velox\build(request());
var_dump(readable($second, 30), completed(1) === [$future]);

// Closed with a build in flight: there is no notification, and nothing is lost.
$future = Pillion\Velox\build(request_of('v1.0.0'));
fclose($second);
unset($second);
$future->wait(30);
var_dump(completed(1) === [$future]);

// Dropped without fclose(), then requested again.
Pillion\notifier();
$third = Pillion\notifier();
$future = Pillion\Velox\build(request_of('v2.0.0'));
var_dump(readable($third, 30), completed(1) === [$future]);
?>
--EXPECT--
bool(true)
bool(false)
bool(true)
bool(false)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
