--TEST--
notifier(), completed() and status() refuse arguments
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

foreach (['notifier', 'completed', 'status', 'Velox\builds', 'Artifacts\stats', 'Artifacts\clean'] as $function) {
    thrown(fn () => "Pillion\\$function"(1));
}
?>
--EXPECT--
ArgumentCountError(0): Pillion\notifier() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\completed() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\status() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\Velox\builds() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\Artifacts\stats() expects exactly 0 arguments, 1 given
ArgumentCountError(0): Pillion\Artifacts\clean() expects exactly 0 arguments, 1 given
