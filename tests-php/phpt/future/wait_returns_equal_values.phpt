--TEST--
Each wait() returns an equal artifact or throws an equal exception
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [
    ['when' => ['tag' => 'v2.0.0'], 'answer' => ['kind' => 'error', 'message' => 'building plugins: no']],
]]);

use Pillion\Velox;

$works = Velox\build(request_of('v1.0.0'));
[$first, $second] = [$works->wait(30), $works->wait()];
var_dump($first == $second, $first->key === $second->key, $first->cacheStatus, $second->cacheStatus);

$fails = Velox\build(request_of('v2.0.0'));
[$first, $second] = [caught(fn () => $fails->wait(30)), caught(fn () => $fails->wait(0))];
var_dump($first !== $second, $first::class, $first->getMessage() === $second->getMessage());
var_dump($first->getLine() !== $second->getLine() || $first === $second, basename($first->getFile()));
?>
--EXPECTF--
bool(true)
bool(true)
string(4) "MISS"
string(4) "MISS"
bool(true)
string(28) "Pillion\BuildFailedException"
bool(true)
bool(%s)
string(%d) "wait_returns_equal_values.php"
