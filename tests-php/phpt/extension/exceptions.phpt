--TEST--
Exceptions share one base class and stable codes, and user code can create them
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$all = array_filter((new ReflectionExtension('pillion'))->getClasses(), fn ($class) => $class->implementsInterface(Throwable::class));
foreach ($all as $class) {
    printf("%s %s %s\n", implode(' ', Reflection::getModifierNames($class->getModifiers())), $class->getName(), $class->getParentClass()->getName());
}
thrown(fn () => new Pillion\Exception('x'));
// Mocks and tests can throw them.
$made = new Pillion\BuildFailedException('mine', 7, new Exception('before'));
var_dump($made->getMessage(), $made->getCode(), $made->getPrevious()->getMessage(), $made->logs(), $made->httpStatus());
var_dump((new Pillion\InvalidRequestException())->violations());
thrown(fn () => $made->logs(1));
thrown(fn () => new class extends Pillion\TimeoutException {});
?>
--EXPECTF--
abstract Pillion\Exception RuntimeException
final Pillion\ConfigException Pillion\Exception
final Pillion\InvalidRequestException Pillion\Exception
final Pillion\BuildFailedException Pillion\Exception
final Pillion\TimeoutException Pillion\Exception
final Pillion\CancelledException Pillion\Exception
final Pillion\QueueFullException Pillion\Exception
final Pillion\RemoteException Pillion\Exception
final Pillion\StateException Pillion\Exception
Error(0): Cannot instantiate abstract class Pillion\Exception
string(4) "mine"
int(7)
string(6) "before"
string(0) ""
int(0)
array(0) {
}
ArgumentCountError(0): Pillion\BuildFailedException::logs() expects exactly 0 arguments, 1 given

Fatal error: Class Pillion\TimeoutException@anonymous %s final class Pillion\TimeoutException in %s on line %d
