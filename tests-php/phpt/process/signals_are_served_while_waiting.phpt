--TEST--
Signal handlers run during wait() and select(), and the wait continues
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['delay_ms' => 2500]);

pcntl_async_signals(true);
$ran = 0;
pcntl_signal(SIGALRM, function () use (&$ran) {
    ++$ran;
});

$future = Pillion\Velox\build(request());
pcntl_alarm(1);
echo $future->wait(30)->key, " $ran\n";

$future = Pillion\Velox\build(request_of('v1.0.0'));
pcntl_alarm(1);
var_dump(Pillion\select([$future], 30) === [$future], $ran);
?>
--EXPECT--
2eccb077c71e1f91 1
bool(true)
int(2)
