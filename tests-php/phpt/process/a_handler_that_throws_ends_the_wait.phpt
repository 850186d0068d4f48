--TEST--
An exception from a signal handler ends the wait, and the job continues
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['delay_ms' => 2500]);

pcntl_async_signals(true);
pcntl_signal(SIGALRM, fn () => throw new DomainException('enough'));

$future = Pillion\Velox\build(request());
pcntl_alarm(1);
thrown(fn () => $future->wait(30));
var_dump($future->isDone());
pcntl_alarm(1);
thrown(fn () => Pillion\select([$future], 30));
pcntl_alarm(0);
echo $future->wait(30)->key, "\n";
?>
--EXPECT--
DomainException(0): enough
bool(false)
DomainException(0): enough
2eccb077c71e1f91
