--TEST--
Continuous signals don't shorten, lengthen or break a wait
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['answer' => ['kind' => 'hang']]]]);

pcntl_async_signals(true);
$ran = 0;
pcntl_signal(SIGUSR1, function () use (&$ran) {
    ++$ran;
});
$me = getmypid();
$storm = proc_open(['/bin/sh', '-c', "while kill -USR1 $me 2>/dev/null; do :; done"], [], $pipes);
$future = Pillion\Velox\build(request());
thrown(fn () => $future->wait(1));
proc_terminate($storm, SIGKILL);
var_dump($ran > 10, $future->isDone());
?>
--EXPECT--
Pillion\TimeoutException(400): velox.build is not done after 1.000 s; it goes on
bool(true)
bool(false)
