--TEST--
Methods of a future refuse surplus arguments
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

$future = Pillion\Velox\build(request());
foreach (['id', 'isDone', 'state', 'cancel'] as $method) {
    thrown(fn () => $future->$method(1));
}
thrown(fn () => $future->wait(1, 2));
thrown(fn () => $future->wait(seconds: 1));
thrown(fn () => Pillion\Future::id());
?>
--EXPECT--
ArgumentCountError(0): Pillion\Future::id() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\Future::isDone() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\Future::state() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\Future::cancel() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\Future::wait() expects at most 1 argument, 2 given
Error(0): Unknown named parameter $seconds
Error(0): Non-static method Pillion\Future::id() cannot be called statically
