--TEST--
cancel() stops the job once, and its request to the server
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [['when' => ['tag' => 'v1.0.0'], 'answer' => ['kind' => 'hang']]]]);

use Pillion\Velox;

$future = Velox\build(request_of('v1.0.0'));
until(fn () => 1 === $velox->count('in_flight'));
var_dump($future->cancel(), $future->cancel(), $future->state());
thrown(fn () => $future->wait());
thrown(fn () => $future->wait(0));
until(fn () => 0 === $velox->count('in_flight'));
var_dump($velox->count('builds_cancelled'));

// A finished future can't be cancelled.
$future = Velox\build(request_of('v2.0.0'));
$future->wait(30);
var_dump($future->cancel(), $future->state(), $future->wait()->cacheStatus);
?>
--EXPECT--
bool(true)
bool(false)
string(9) "cancelled"
Pillion\CancelledException(500): velox.build was cancelled
Pillion\CancelledException(500): velox.build was cancelled
int(1)
bool(false)
string(4) "done"
string(4) "MISS"
