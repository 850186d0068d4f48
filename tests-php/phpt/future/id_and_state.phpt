--TEST--
A future has a unique id and reports the state of its job
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [
    ['when' => ['tag' => 'v1.0.0'], 'answer' => ['kind' => 'hang']],
    ['when' => ['tag' => 'v2.0.0'], 'answer' => ['kind' => 'error', 'message' => 'building plugins: no']],
]]);

use Pillion\Velox;

$hangs = Velox\build(request_of('v1.0.0'));
var_dump(in_array($hangs->state(), ['pending', 'running']), $hangs->isDone());
until(fn () => 'running' === $hangs->state());
var_dump($hangs->isDone());

$fails = Velox\build(request_of('v2.0.0'));
until(fn () => $fails->isDone());
var_dump($fails->state());

$works = Velox\build(request_of('v3.0.0'));
$works->wait(30);
var_dump($works->state(), $works->isDone());

$hangs->cancel();
var_dump($hangs->state(), $hangs->isDone());

$ids = [$hangs->id(), $fails->id(), $works->id()];
var_dump(3 === count(array_unique($ids)), $ids === preg_grep('/^[0-9]+$/', $ids));
var_dump($hangs->id() === $hangs->id());
?>
--EXPECT--
bool(true)
bool(false)
bool(false)
string(6) "failed"
string(4) "done"
bool(true)
string(9) "cancelled"
bool(true)
bool(true)
bool(true)
bool(true)
