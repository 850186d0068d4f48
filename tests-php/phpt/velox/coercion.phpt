--TEST--
Weak mode converts scalars as PHP does, strict types refuse them
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

use Pillion\{Artifacts, Velox};

$future = Velox\build(request());
echo $future->wait('30')->cacheStatus, ' ', Velox\build(request(), '30')->wait(true)->cacheStatus, "\n";
$key = new class {
    public function __toString(): string
    {
        return '2eccb077c71e1f91';
    }
};
echo Artifacts\find($key)->key, ' ', Velox\find($key)->key, "\n";
echo count(Artifacts\entries('10')), ' ', count(Artifacts\entries(10.0)), "\n";

eval(<<<'STRICT'
    declare(strict_types=1);

    use Pillion\{Artifacts, Velox};

    thrown(fn () => $future->wait('30'));
    thrown(fn () => Velox\build(request(), '30'));
    thrown(fn () => Artifacts\find(7));
    thrown(fn () => Artifacts\find($key));
    thrown(fn () => Artifacts\entries('10'));
    thrown(fn () => Velox\find(7));
    thrown(fn () => Velox\status(7));
    // Strict mode also accepts an int for a float.
    echo $future->wait(30)->key, "\n";
    STRICT);
?>
--EXPECT--
MISS HIT
2eccb077c71e1f91 2eccb077c71e1f91
1 1
TypeError(0): Pillion\Future::wait(): Argument #1 ($timeout) must be of type ?float, string given
TypeError(0): Pillion\Velox\build(): Argument #2 ($timeout) must be of type ?float, string given
TypeError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be of type string, int given
TypeError(0): Pillion\Artifacts\find(): Argument #1 ($key) must be of type string, class@anonymous given
TypeError(0): Pillion\Artifacts\entries(): Argument #1 ($limit) must be of type int, string given
TypeError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be of type array|string, int given
TypeError(0): Pillion\Velox\status(): Argument #1 ($requestId) must be of type string, int given
2eccb077c71e1f91
