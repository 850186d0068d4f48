--TEST--
Foreign reads from and writes to the notifier are harmless
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['delay_ms' => 200]);

$notifier = Pillion\notifier();
stream_set_blocking($notifier, false);
var_dump(fread($notifier, 100));
var_dump(false !== @fwrite($notifier, str_repeat('x', 100)));

$future = Pillion\Velox\build(request());
var_dump(readable($notifier, 30), '' !== fread($notifier, 100), completed(1) === [$future]);

// A consumed notification does not suppress the next one.
$future = Pillion\Velox\build(request_of('v1.0.0'));
var_dump(readable($notifier, 30), completed(1) === [$future]);
?>
--EXPECT--
string(0) ""
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
