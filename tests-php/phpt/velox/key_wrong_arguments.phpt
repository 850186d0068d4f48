--TEST--
key(), explain(), find(), status() and build() refuse wrong arguments as PHP does
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Velox;

foreach (['key', 'explain', 'build'] as $function) {
    $call = "Pillion\\Velox\\$function";
    thrown(fn () => $call());
    thrown(fn () => $call('x'));
    thrown(fn () => $call(null));
    thrown(fn () => $call(request(), 1.0, 2));
    thrown(fn () => $call(wish: request()));
}
thrown(fn () => Velox\status());
thrown(fn () => Velox\status([]));
thrown(fn () => Velox\status('a', 'b'));
var_dump(Velox\status(''), Velox\status(5), Velox\status("\xff\0"), Velox\status(requestId: 'x'));
thrown(fn () => Velox\find());
thrown(fn () => Velox\find('a', 'b'));
thrown(fn () => Velox\find(new stdClass()));
thrown(fn () => Velox\find(7));
?>
--EXPECT--
ArgumentCountError(0): Pillion\Velox\key() expects exactly 1 argument, 0 given
TypeError(0): Pillion\Velox\key(): Argument #1 ($request) must be of type array, string given
TypeError(0): Pillion\Velox\key(): Argument #1 ($request) must be of type array, null given
ArgumentCountError(0): Pillion\Velox\key() expects exactly 1 argument, 3 given
Error(0): Unknown named parameter $wish
ArgumentCountError(0): Pillion\Velox\explain() expects exactly 1 argument, 0 given
TypeError(0): Pillion\Velox\explain(): Argument #1 ($request) must be of type array, string given
TypeError(0): Pillion\Velox\explain(): Argument #1 ($request) must be of type array, null given
ArgumentCountError(0): Pillion\Velox\explain() expects exactly 1 argument, 3 given
Error(0): Unknown named parameter $wish
ArgumentCountError(0): Pillion\Velox\build() expects at least 1 argument, 0 given
TypeError(0): Pillion\Velox\build(): Argument #1 ($request) must be of type array, string given
TypeError(0): Pillion\Velox\build(): Argument #1 ($request) must be of type array, null given
ArgumentCountError(0): Pillion\Velox\build() expects at most 2 arguments, 3 given
Error(0): Unknown named parameter $wish
ArgumentCountError(0): Pillion\Velox\status() expects exactly 1 argument, 0 given
TypeError(0): Pillion\Velox\status(): Argument #1 ($requestId) must be of type string, array given
ArgumentCountError(0): Pillion\Velox\status() expects exactly 1 argument, 2 given
NULL
NULL
NULL
NULL
ArgumentCountError(0): Pillion\Velox\find() expects exactly 1 argument, 0 given
ArgumentCountError(0): Pillion\Velox\find() expects exactly 1 argument, 2 given
TypeError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be of type array|string, stdClass given
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
