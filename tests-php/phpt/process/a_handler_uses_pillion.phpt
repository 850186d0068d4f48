--TEST--
A signal handler that runs during a wait can call Pillion, including wait()
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['when' => ['tag' => 'v1.0.0'], 'delay_ms' => 3000]]]);

use Pillion\Velox;

pcntl_async_signals(true);
pcntl_signal(SIGALRM, function () {
    echo Velox\build(request())->wait(30)->key, ' ', Pillion\status()['runtime']['started'], "\n";
    Pillion\completed();
});
$future = Velox\build(request_of('v1.0.0'));
pcntl_alarm(1);
echo $future->wait(30)->config['plugins'][0]['tag'], "\n";
?>
--EXPECT--
2eccb077c71e1f91 1
v1.0.0
