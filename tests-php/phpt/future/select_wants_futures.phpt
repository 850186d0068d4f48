--TEST--
select() refuses values that are not futures before it waits
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['answer' => ['kind' => 'hang']]]]);

$future = Pillion\Velox\build(request());
foreach ([[1], [$future, null], ['a' => new stdClass(), 'b' => $future], [[$future]]] as $wrong) {
    $thrown = caught(fn () => Pillion\select($wrong));
    var_dump($thrown::class, str_starts_with($thrown->getMessage(), 'Pillion\select(): Argument #1 ($futures) must '));
}
thrown(fn () => Pillion\select($future));
thrown(fn () => Pillion\select());
thrown(fn () => Pillion\select([], 1, 2));
?>
--EXPECT--
string(9) "TypeError"
bool(true)
string(9) "TypeError"
bool(true)
string(9) "TypeError"
bool(true)
string(9) "TypeError"
bool(true)
TypeError(0): Pillion\select(): Argument #1 ($futures) must be of type array, Pillion\Future given
ArgumentCountError(0): Pillion\select() expects at least 1 argument, 0 given
ArgumentCountError(0): Pillion\select() expects at most 2 arguments, 3 given
