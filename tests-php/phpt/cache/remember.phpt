--TEST--
remember() produces a missing value once, and whatever its producer does, the next one may produce
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['cache_producer_timeout' => '60s']);

use Pillion\Cache;

$count = 0;
$producer = function () use (&$count) { return [++$count]; };
echo json_encode([Cache\remember('a', $producer), Cache\remember('a', $producer), Cache\get('a')]), "\n";
foreach ([null, false, 0, ''] as $index => $empty) {
    Cache\remember("empty $index", fn () => $empty);
    var_dump(Cache\remember("empty $index", fn () => 'again'));
}
$object = new ArrayObject([1]);
var_dump(Cache\remember('object', fn () => $object) === $object, Cache\remember('object', 'strlen') == $object);

echo "-- exceptions\n";
try {
    Cache\remember('b', fn () => throw new LogicException('mine'));
} catch (LogicException $exception) {
    echo $exception->getMessage(), ', ', Cache\remember('b', fn () => 'next'), "\n";
}
try {
    Cache\remember('c', fn () => fn () => 1);
} catch (Exception $exception) {
    echo $exception->getMessage(), "\n";
}
foreach ([fn () => Cache\remember('d', 'no function'), fn () => Cache\remember('d', fn () => 1, [])] as $call) {
    try {
        $call();
    } catch (TypeError $error) {
        echo $error->getMessage(), "\n";
    }
}

echo "-- nesting\n";
$inner = fn () => Cache\remember('f', fn () => 'inner');
echo Cache\remember('e', fn () => Cache\remember('e', fn () => 'same') . ' key, ' . $inner()), "\n";
$fiber = new Fiber(fn () => Cache\remember('g', fn () => Fiber::suspend()));
$fiber->start();
echo Cache\remember('g', fn () => 'beside a fiber'), "\n";
$fiber->resume('from a fiber');
echo $fiber->getReturn(), ', ', Cache\get('g'), "\n";

echo "-- lifetimes\n";
echo Cache\remember('h', fn () => 'not kept', 0), ' ', var_export(Cache\has('h'), true), "\n";
Cache\remember('i', fn () => 'old', 0.001, stale: 60);
while (Cache\has('i')) {
    usleep(500);
}
$stale = null;
Cache\remember('i', function () use (&$stale) {
    // Another process gets the old value meanwhile.
    $stale = php('echo Pillion\Cache\remember("i", fn () => "new", stale: 60), var_export(Pillion\Cache\get("i"), true);');

    return 'new';
}, 60, stale: 60);
echo $stale['output'], $stale['errors'], ' ', Cache\get('i'), "\n";
Cache\remember('j', function () { usleep(20_000); return 1; }, 60);
echo Cache\remember('j', fn () => 2, 60, 1e6), Cache\remember('j', fn () => 3, 60, 0), "\n";

echo "-- ends\n";
foreach (['exit(3);', 'ini_set("memory_limit", "4M"); str_repeat("x", 8 << 20);', 'exec("kill -9 " . getmypid());'] as $end) {
    php("Pillion\\Cache\\remember('k', function () { $end });");
    echo Cache\remember('k', fn () => 'taken over'), "\n";
    Cache\delete('k');
}
?>
--EXPECT--
[[1],[1],[1]]
NULL
bool(false)
int(0)
string(0) ""
bool(true)
bool(true)
-- exceptions
mine, next
Serialization of 'Closure' is not allowed
Pillion\Cache\remember(): Argument #2 ($producer) must be a valid callback
Pillion\Cache\remember(): Argument #3 ($ttl) must be of type DateInterval|int|float|null, array given
-- nesting
same key, inner
beside a fiber
from a fiber, from a fiber
-- lifetimes
not kept false
oldNULL new
22
-- ends
taken over
taken over
taken over
