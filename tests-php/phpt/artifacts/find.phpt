--TEST--
find() accepts a key only
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Artifacts;

$put = Artifacts\put('00000000000000aa', a_file('rr'))->wait(30);
var_dump(Artifacts\find('00000000000000aa')->sha256 === $put->sha256, Artifacts\find(key: '00000000000000ab'));
foreach (['', 'aa', '00000000000000AA', '00000000000000aa ', "00000000000000a\0", 12] as $wrong) {
    thrown(fn () => Artifacts\find($wrong));
    thrown(fn () => Artifacts\forget($wrong));
}
thrown(fn () => Artifacts\find());
thrown(fn () => Artifacts\find([]));
thrown(fn () => Artifacts\find('00000000000000aa', 1));
thrown(fn () => Artifacts\forget());
?>
--EXPECT--
bool(true)
NULL
ValueError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\forget(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\forget(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\forget(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\forget(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\forget(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\forget(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ArgumentCountError(0): Pillion\Artifacts\find() expects exactly 1 argument, 0 given
TypeError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be of type string, array given
ArgumentCountError(0): Pillion\Artifacts\find() expects exactly 1 argument, 2 given
ArgumentCountError(0): Pillion\Artifacts\forget() expects exactly 1 argument, 0 given
