--TEST--
Artifact properties can't be changed, added or removed
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

use Pillion\Velox;

Velox\build(request())->wait(30);
$names = ['key', 'path', 'sha256', 'cacheStatus', 'size', 'createdAt', 'expiresAt', 'accessedAt', 'buildSeconds', 'config'];
$tries = [
    'set' => fn ($artifact, $name) => $artifact->$name = 'x',
    'unset' => function ($artifact, $name) {
        unset($artifact->$name);
    },
    'reference' => function ($artifact, $name) {
        $reference = &$artifact->$name;
    },
    'element' => fn ($artifact, $name) => $artifact->$name['x'] = 'x',
    'foreach by reference' => function ($artifact, $name) {
        foreach ($artifact as &$value) {
            $value = 'x';
        }
    },
];
foreach ($tries as $try => $do) {
    $right = 0;
    foreach ($names as $name) {
        // One artifact without and one with initialized properties.
        $fresh = Velox\find(request());
        $filled = Velox\find(request());
        $before = (array) $filled;
        foreach ([$fresh, $filled] as $artifact) {
            $thrown = caught(fn () => $do($artifact, $name));
            $right += $thrown instanceof Error && str_contains($thrown->getMessage(), 'readonly property') && (array) $artifact == $before;
        }
    }
    echo "$try $right\n";
}
$artifact = Velox\find(request());
thrown(fn () => $artifact->note = 'x');
var_dump(isset($artifact->note), @$artifact->note);
thrown(fn () => new Pillion\Artifact());
thrown(fn () => (new ReflectionClass($artifact))->newInstanceWithoutConstructor());
thrown(fn () => clone $artifact);
thrown(fn () => serialize($artifact));
thrown(fn () => unserialize('O:16:"Pillion\Artifact":0:{}'));
?>
--EXPECT--
set 20
unset 20
reference 20
element 20
foreach by reference 20
Error(0): Cannot create dynamic property Pillion\Artifact::$note
bool(false)
NULL
Error(0): Cannot directly construct Pillion\Artifact, functions such as Pillion\Velox\find() return it
ReflectionException(0): Class Pillion\Artifact is an internal class marked as final that cannot be instantiated without invoking its constructor
Error(0): Trying to clone an uncloneable object of class Pillion\Artifact
Exception(0): Serialization of 'Pillion\Artifact' is not allowed
Exception(0): Unserialization of 'Pillion\Artifact' is not allowed
