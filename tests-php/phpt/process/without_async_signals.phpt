--TEST--
Without pcntl_async_signals a signal waits for its dispatch, and wait() for its future
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['delay_ms' => 2000]);

$ran = 0;
pcntl_signal(SIGALRM, function () use (&$ran) {
    ++$ran;
});
$future = Pillion\Velox\build(request());
pcntl_alarm(1);
echo $future->wait(30)->key, " $ran\n";
pcntl_signal_dispatch();
var_dump($ran);
?>
--EXPECT--
2eccb077c71e1f91 0
int(1)
