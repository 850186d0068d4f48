--TEST--
values of all types come back as they were stored
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Cache;

final class Point
{
    public function __construct(public int $x, private ?Point $next = null)
    {
    }
}

$shared = [1];
$shared[1] = &$shared[0];
$values = [
    null, true, false, 0, -7, PHP_INT_MAX, PHP_INT_MIN, 1.5, -0.0, INF, NAN, '', 'a', "\0\xff", str_repeat('x', 100_000),
    [], [1, 2, 3], [[], [[]]], ['a' => 1, 'b' => [1, [2, 'c' => null]], 5 => 'x', -1 => 1.5, '' => true],
    [3 => 'no list'], new Point(1, new Point(2)), [new Point(3)], $shared, range(1, 5000),
];
foreach ($values as $index => $value) {
    $stored = Cache\set("key $index", $value);
    $read = Cache\get("key $index", 'none');
    if (!$stored || serialize($read) !== serialize($value)) {
        echo "$index: ";
        var_dump($read);
    }
}
$point = Cache\get('key 20');
$point->x = 9;
echo Cache\get('key 20')->x, ' ', Cache\get('none', 'default'), ' ', var_export(Cache\get('key 0', 1), true), "\n";
Cache\set_multiple(['a' => 1, 12 => 'twelve'], 60);
echo json_encode(Cache\get_multiple(['a', '12', 'none', 'key 4'], false)), "\n";
var_dump(Cache\delete('a'), Cache\delete('a'), Cache\has('12'), Cache\delete_multiple(['12', 'a']), Cache\has('12'));
var_dump(Cache\set(str_repeat("\0", 65_536), 'long'), Cache\get(str_repeat("\0", 65_536)));
var_dump(Cache\set('large', str_repeat('x', (8 << 20) + 1)), Cache\stats()['refused']);
$wide = [1];
$deep = [];
for ($i = 0; $i < 600; ++$i) {
    $wide = $i < 40 ? [$wide, $wide] : $wide;
    $deep = [$deep];
}
$itself = [1];
$itself[] = &$itself;
var_dump(Cache\set('wide', $wide), Cache\set('object', [new Point(1), $itself[0]]));
thrown(fn () => Cache\set('itself', $itself));
thrown(fn () => Cache\set('deep', $deep));
thrown(fn () => Cache\get(str_repeat('k', 65_537)));
thrown(fn () => Cache\get_multiple(['a', []]));
try {
    Cache\set('closure', fn () => 1);
} catch (Exception $e) {
    echo get_class($e), ': ', $e->getMessage(), "\n";
}
?>
--EXPECT--
1 default NULL
{"a":1,"12":"twelve","none":false,"key 4":-7}
bool(true)
bool(false)
bool(true)
bool(true)
bool(false)
bool(true)
string(4) "long"
bool(false)
int(1)
bool(false)
bool(true)
Pillion\InvalidRequestException(200): value: found an array that contains itself or has more than 512 levels; expected fewer
Pillion\InvalidRequestException(200): value: found an array that contains itself or has more than 512 levels; expected fewer
ValueError(0): Pillion\Cache\get(): Argument #1 ($key) must not be longer than 65536 bytes
TypeError(0): Pillion\Cache\get_multiple(): Argument #1 ($keys) must contain only string, array given
Exception: Serialization of 'Closure' is not allowed
