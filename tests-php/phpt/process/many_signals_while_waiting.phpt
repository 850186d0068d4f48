--TEST--
Continuous signals don't shorten, lengthen or break a wait
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [['until_released' => 'all']]]);

pcntl_async_signals(true);
$ran = 0;
pcntl_signal(SIGUSR1, function () use (&$ran) {
    ++$ran;
});
$me = getmypid();
$storm = proc_open(['/bin/sh', '-c', "while kill -USR1 $me 2>/dev/null; do :; done"], [], $pipes);
$future = Pillion\Velox\build(request());
thrown(fn () => $future->wait(1));
var_dump($ran > 10, $future->isDone());
$velox->release('all');
var_dump($future->wait(30)->verify());
proc_terminate($storm, SIGKILL);
?>
--EXPECT--
Pillion\TimeoutException(400): velox.build is not done after 1.000 s; it goes on
bool(true)
bool(false)
bool(true)
