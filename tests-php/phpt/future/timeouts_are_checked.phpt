--TEST--
A timeout is a number of seconds, 0 or more; null and INF wait without limit
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['when' => ['tag' => 'v1.0.0'], 'answer' => ['kind' => 'hang']]]]);

$future = Pillion\Velox\build(request_of('v1.0.0'));
foreach ([-1, -0.001, NAN, -INF, 'soon', [], new stdClass()] as $wrong) {
    thrown(fn () => $future->wait($wrong));
}
thrown(fn () => Pillion\select([$future], -1));
thrown(fn () => Pillion\Velox\build(request(), -1));
$future->cancel();

// Weak mode accepts numeric values, as PHP's own functions do.
$future = Pillion\Velox\build(request(), '60');
foreach ([INF, null, 1e300, '30', true, 30] as $right) {
    echo $future->wait($right)->key, "\n";
}
?>
--EXPECT--
ValueError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be greater than or equal to 0
ValueError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be greater than or equal to 0
ValueError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be greater than or equal to 0
ValueError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be greater than or equal to 0
TypeError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be of type ?float, string given
TypeError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be of type ?float, array given
TypeError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be of type ?float, stdClass given
ValueError(0): Pillion\select(): Argument #2 ($timeout) must be greater than or equal to 0
ValueError(0): Pillion\Velox\build(): Argument #2 ($timeout) must be greater than or equal to 0
2eccb077c71e1f91
2eccb077c71e1f91
2eccb077c71e1f91
2eccb077c71e1f91
2eccb077c71e1f91
2eccb077c71e1f91
