--TEST--
A future can't be constructed, cloned, serialized, extended or given properties
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

$future = Pillion\Velox\build(request());
thrown(fn () => new Pillion\Future());
thrown(fn () => (new ReflectionClass(Pillion\Future::class))->newInstanceWithoutConstructor());
thrown(fn () => clone $future);
thrown(fn () => serialize($future));
thrown(fn () => unserialize('O:14:"Pillion\Future":0:{}'));
thrown(fn () => $future->note = 'x');
var_dump((new ReflectionClass($future))->isFinal(), (array) $future, json_encode($future));
var_dump($future == $future, $future == Pillion\Velox\build(request_of('v1.0.0')));
?>
--EXPECT--
Error(0): Cannot directly construct Pillion\Future, functions such as Pillion\Velox\build() return it
ReflectionException(0): Class Pillion\Future is an internal class marked as final that cannot be instantiated without invoking its constructor
Error(0): Trying to clone an uncloneable object of class Pillion\Future
Exception(0): Serialization of 'Pillion\Future' is not allowed
Exception(0): Unserialization of 'Pillion\Future' is not allowed
Error(0): Cannot create dynamic property Pillion\Future::$note
bool(true)
array(0) {
}
string(2) "{}"
bool(true)
bool(false)
