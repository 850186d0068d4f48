--TEST--
After a fork, parent and child have notifiers of their own futures
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [['when' => ['tag' => 'v1.0.0'], 'until_released' => 'v1']]]);

use Pillion\Velox;

$notifier = Pillion\notifier();
$parents = Velox\build(request_of('v1.0.0'));
until(fn () => 1 === $velox->count('in_flight'));
$child = pcntl_fork();
if (0 === $child) {
    $future = Velox\build(request_of('v2.0.0'));
    $right = Pillion\notifier() === $notifier && readable($notifier, 30) && completed(1) === [$future];
    // The end of the parent's build does not notify the child.
    until(fn () => null !== Velox\find(request_of('v1.0.0')));
    exit($right && !readable($notifier, 0.3) && [] === Pillion\completed() ? 11 : 12);
}
// Neither does the end of the child's build notify the parent.
until(fn () => null !== Velox\find(request_of('v2.0.0')));
var_dump(readable($notifier, 0.3), Pillion\completed());
$velox->release('v1');
var_dump(readable($notifier, 30), completed(1) === [$parents]);
pcntl_waitpid($child, $status);
var_dump(pcntl_wexitstatus($status), readable($notifier, 0), Pillion\completed());
?>
--EXPECT--
bool(false)
array(0) {
}
bool(true)
bool(true)
int(11)
bool(false)
array(0) {
}
