--TEST--
Objects built by reflection, unserialize or rebinding are refused or harmless
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

$future = Pillion\Velox\build(request());
$artifact = $future->wait(30);
$before = var_export($artifact, true);

// Classes other than exceptions can't be instantiated; PHP's own Error is thrown.
$count = 0;
$refused = function (callable $call, string $what) use (&$count): void {
    try {
        $value = $call();
        printf("%s gave %s\n", $what, get_debug_type($value));
    } catch (Error | Exception) {
        ++$count;
    }
};
foreach ([Pillion\Future::class, Pillion\Artifact::class] as $class) {
    $object = Pillion\Future::class === $class ? $future : $artifact;
    $reflection = new ReflectionClass($class);
    $length = strlen($class);
    $refused(fn () => new $class(), 'new');
    $refused(fn () => new $class(1, 2, 3), 'new with arguments');
    $refused(fn () => $reflection->newInstance(), 'newInstance');
    $refused(fn () => $reflection->newInstanceArgs([]), 'newInstanceArgs');
    $refused(fn () => $reflection->newInstanceWithoutConstructor(), 'newInstanceWithoutConstructor');
    $refused(fn () => clone $object, 'clone');
    $refused(fn () => serialize($object), 'serialize');
    $refused(fn () => serialize([[$object]]), 'serialize in arrays');
    $refused(fn () => unserialize("O:$length:\"$class\":0:{}"), 'unserialize');
    $refused(fn () => unserialize("O:$length:\"$class\":1:{s:3:\"key\";a:0:{}}"), 'unserialize with properties');
    $refused(fn () => unserialize("C:$length:\"$class\":2:{xx}"), 'unserialize custom');
    $refused(fn () => $class::__set_state([]), '__set_state');
    $refused(fn () => $object->__construct(), '__construct');
    $refused(fn () => $object->nothing(), 'an unknown method');
    $refused(fn () => $object->note = 1, 'a property');
    $refused(function () use ($object) { $object->note[] = 1; }, 'a property by reference');
    $refused(fn () => (new ReflectionMethod($class, Pillion\Future::class === $class ? 'id' : 'filename'))->invoke(new stdClass()), 'another object');
    if (PHP_VERSION_ID >= 80400) {
        $refused(fn () => $reflection->newLazyGhost(fn () => null), 'a lazy ghost');
        $refused(fn () => $reflection->newLazyProxy(fn () => $object), 'a lazy proxy');
    } else {
        $count += 2;
    }
}
foreach ((new ReflectionClass($artifact))->getProperties() as $property) {
    $name = $property->getName();
    $refused(fn () => $artifact->$name = 1, "writing $name");
    $refused(function () use ($artifact, $name) { $reference = &$artifact->$name; $reference = 1; }, "a reference to $name");
    $refused(function () use ($artifact, $name) { unset($artifact->$name); }, "unsetting $name");
    $refused(fn () => @$artifact->$name++, "counting $name");
    $refused(fn () => $property->setValue($artifact, 1), "reflection's setValue of $name");
    $refused(fn () => @Closure::bind(fn () => $this->$name = 1, $artifact, $artifact::class)(), "writing $name from inside");
}
$refused(function () use ($artifact) { foreach ($artifact as $name => &$value) { $value = 1; } }, 'foreach by reference');
$refused(fn () => $artifact->config['os'] = 'plan9', 'an element of config');
var_dump($count, $before === var_export($artifact, true));

// Exceptions can be built this way: invalid properties count as absent.
$object = fn (string $class, array $properties) => unserialize(sprintf(
    'O:%d:"%s":%d:{%s}',
    strlen($class),
    $class,
    count($properties),
    implode('', array_map(fn ($name, $value) => serialize("\0$class\0$name") . serialize($value), array_keys($properties), $properties)),
));
foreach ([[], 1, 1.5, true, null, new stdClass(), 'x'] as $value) {
    $failed = $object(Pillion\BuildFailedException::class, ['logs' => $value, 'httpStatus' => $value]);
    $invalid = $object(Pillion\InvalidRequestException::class, ['violations' => $value]);
    echo json_encode([$failed->logs(), $failed->httpStatus(), $invalid->violations()]), "\n";
}
$bare = new Pillion\BuildFailedException('by hand');
var_dump($bare->logs(), $bare->httpStatus(), $bare->getMessage());
$made = serialize(new Pillion\RemoteException('there and back', 7));
thrown(fn () => throw unserialize($made));

// Containers that inspect or clone objects indirectly.
var_dump(count((array) $future), count(get_mangled_object_vars($artifact)), iterator_count(new ArrayIterator((array) $artifact)));
$map = new WeakMap();
$map[$future] = $artifact;
$storage = new SplObjectStorage();
$storage[$artifact] = $future;
var_dump(count($map), count($storage), $artifact == $artifact, $artifact <=> $future, max([$artifact, $artifact]) === $artifact);
unset($future, $artifact, $object);
gc_collect_cycles();
var_dump(Pillion\Velox\find(request())->cacheStatus);
?>
--EXPECTF--
int(100)
bool(true)
["",0,[]]
["",1,[]]
["",0,[]]
["",0,[]]
["",0,[]]
["",0,[]]
["x",0,[]]
string(0) ""
int(0)
string(7) "by hand"
Pillion\RemoteException(7): there and back
int(0)
int(10)
int(10)
int(1)
int(1)
bool(true)
int(1)
bool(true)
string(3) "HIT"
