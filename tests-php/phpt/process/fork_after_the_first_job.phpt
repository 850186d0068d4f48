--TEST--
A fork with running jobs: the parent's continue, the child starts a new runtime
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [['when' => ['tag' => 'v1.0.0'], 'until_released' => 'v1']]]);

use Pillion\Velox;

$done = Velox\build(request_of('v0.0.1'));
$done->wait(30);
$open = Velox\build(request_of('v1.0.0'));
until(fn () => 1 === $velox->count('in_flight'));

$child = pcntl_fork();
if (0 === $child) {
    // Results from before the fork are available here too; open jobs are the parent's.
    echo $done->state(), ' ', $done->wait(0)->config['plugins'][0]['tag'], ' ', Velox\find(request_of('v0.0.1'))->cacheStatus, "\n";
    thrown(fn () => $open->wait(5));
    thrown(fn () => Pillion\select([$open], 5));
    var_dump($open->isDone(), $open->cancel(), Pillion\completed());
    // The child's own builds work, and join those of the parent.
    echo Velox\build(request_of('v2.0.0'))->wait(30)->config['plugins'][0]['tag'], "\n";
    var_dump(Pillion\status()['pid'] === getmypid(), count(Pillion\status()['host']['workers']));
    $joined = Velox\build(request_of('v1.0.0'));
    until(fn () => 'running' === $joined->state());
    $velox->release('v1');
    echo $joined->wait(30)->config['plugins'][0]['tag'], "\n";
    unset($open);
    exit(11);
}
pcntl_waitpid($child, $status);
var_dump(pcntl_wifexited($status), pcntl_wexitstatus($status));
echo $open->wait(30)->config['plugins'][0]['tag'], "\n";
var_dump($velox->count('builds_started'), $velox->count('builds_cancelled'), count(Pillion\status()['host']['workers']));
?>
--EXPECT--
done v0.0.1 HIT
Pillion\StateException(800): this future belongs to the parent process; ask again in the forked child
Pillion\StateException(800): this future belongs to the parent process; ask again in the forked child
bool(false)
bool(false)
array(0) {
}
v2.0.0
bool(true)
int(2)
v1.0.0
bool(true)
int(11)
v1.0.0
int(3)
int(0)
int(1)
