--TEST--
A subscriber takes over the flight of a killed builder
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [['times' => 1, 'answer' => ['kind' => 'hang']]]]);

$builder = php_start('Pillion\Velox\build(request())->wait(50);');
until(fn () => 1 === $velox->count('in_flight'));
$waiter = php_start('
    $future = Pillion\Velox\build(request());
    touch(scratch("waits"));
    $artifact = $future->wait(50);
    echo $artifact->key, " ", $artifact->verify() ? "whole" : "broken", "\n";
');
until(fn () => file_exists(scratch('waits')));
usleep(300_000);
var_dump($velox->count('builds_started'));
proc_terminate($builder['process'], SIGKILL);
var_dump(php_end($builder)['signal']);
$killed = microtime(true);
echo php_end($waiter)['output'];
// The takeover happens within a second; the limit allows for a busy machine.
var_dump($velox->count('builds_started'), microtime(true) - $killed < 15);
?>
--EXPECT--
int(1)
int(9)
2eccb077c71e1f91 whole
int(2)
bool(true)
