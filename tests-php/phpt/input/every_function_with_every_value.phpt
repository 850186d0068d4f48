--TEST--
Every function with every value in both modes throws documented exceptions only
--FILE--
<?php
require __DIR__ . '/../lib.inc';
require __DIR__ . '/values.inc';
with_velox(settings: ['velox_build_timeout' => '20s', 'apcu' => 'on']);

/** Seconds that one call may take: not a speed goal, but a sign of unbounded work. */
const LONGEST = 10.0;

$future = Pillion\Velox\build(request());
$artifact = $future->wait(30);
set_error_handler(function (int $level, string $message): bool {
    // PHP's own deprecations of null and of floats that lose digits; open_basedir is not set here.
    if (E_DEPRECATED !== $level && !(E_WARNING === $level && preg_match('/^(?:apcu_\w+|APCUIterator::__construct|preg_match)\(\): /', $message))) {
        echo "error $level: $message\n";
    }

    return true;
});

// The mode depends on the calling file only.
eval('function weak(callable $call, array $arguments): mixed { return $call(...$arguments); }');
eval('declare(strict_types=1); function strict(callable $call, array $arguments): mixed { return $call(...$arguments); }');

/** A typical argument by the parameter's name, else by its type. */
$good = [
    'request' => fn () => request(),
    'requestOrKey' => fn () => request(),
    'requestId' => fn () => 'nobody',
    'timeout' => fn () => 0.01,
    'futures' => fn () => [$future],
    'key' => fn () => '2eccb077c71e1f91',
    'path' => fn () => a_file('binary'),
    'meta' => fn () => [],
    'limit' => fn () => 10,
    'after' => fn () => null,
    'envelope' => fn () => event(1),
    'envelopes' => fn () => [event(1)],
    'event' => fn () => ['message' => 'x'],
    'dsn' => fn () => null,
    'id' => fn () => 'nobody',
    'message' => fn () => 'x',
    'code' => fn () => 1,
    'previous' => fn () => null,
];

function some(ReflectionParameter $parameter): mixed
{
    $type = $parameter->getType();
    $name = $type instanceof ReflectionUnionType ? $type->getTypes()[0]->getName() : (string) $type?->getName();

    return $type?->allowsNull() ? null : match ($name) {
        'int' => 1,
        'float' => 0.01,
        'string' => 'x',
        'array' => [],
        'bool' => false,
        'callable' => fn () => false,
        default => null,
    };
}

/** Whether a strict call accepts the value's type; the function can still refuse the value. */
function is_of(mixed $value, ?ReflectionType $type): bool
{
    if (null === $type) {
        return true;
    }
    if ($type instanceof ReflectionUnionType) {
        return [] !== array_filter($type->getTypes(), fn ($one) => is_of($value, $one));
    }
    if (null === $value) {
        return $type->allowsNull();
    }

    return match ($type->getName()) {
        'mixed' => true,
        'int' => is_int($value),
        'float' => is_float($value) || is_int($value),
        'string' => is_string($value),
        'array' => is_array($value),
        'bool' => is_bool($value),
        'callable' => is_callable($value),
        default => is_a($value, $type->getName()),
    };
}

$calls = [];
$extension = new ReflectionExtension('pillion');
foreach ([$extension, new ReflectionExtension('apcu')] as $module) {
    foreach ($module->getFunctions() as $name => $function) {
        $calls[$name] = [$name, $function];
    }
}
$calls['new APCUIterator'] = [(new ReflectionClass('APCUIterator'))->newInstance(...), (new ReflectionClass('APCUIterator'))->getConstructor()];
foreach ($extension->getClasses() as $class) {
    if ($class->isAbstract()) {
        continue;
    }
    $object = match ($class->getName()) {
        Pillion\Future::class => $future,
        Pillion\Artifact::class => $artifact,
        default => $class->newInstance('made by hand'),
    };
    foreach ($class->getMethods() as $method) {
        if ($method->isPublic() && $method->getDeclaringClass()->isUserDefined() === false && !$method->isConstructor()
            && 'pillion' === strtolower((string) $method->getExtensionName())) {
            $calls[$class->getShortName() . '->' . $method->getName()] = [[$object, $method->getName()], $method];
        }
    }
    if ($class->isSubclassOf(Exception::class)) {
        $calls['new ' . $class->getShortName()] = [$class->newInstance(...), $class->getConstructor()];
    }
}

$count = $done = 0;
foreach ($calls as $name => [$call, $reflection]) {
    // A closure over the function checks arguments as PHP does; Pillion's functions are called directly.
    $modes = str_starts_with($name, 'new ') ? ['weak'] : ['weak', 'strict'];
    $parameters = $reflection->getParameters();
    // One position beyond the last parameter.
    for ($position = 0; $position <= count($parameters); ++$position) {
        foreach (values() as $label => $make) {
            foreach ($modes as $mode) {
                $arguments = [];
                for ($at = 0; $at < max($position, $reflection->getNumberOfRequiredParameters()); ++$at) {
                    $arguments[] = isset($good[$parameters[$at]->getName()]) ? $good[$parameters[$at]->getName()]() : some($parameters[$at]);
                }
                $value = $make();
                $arguments[$position] = $value;
                // A reference, as `$array[] = &$x` creates it.
                $arguments[$position] = &$value;
                $begun = microtime(true);
                $what = "$name, $mode, argument $position is $label";
                $thrown = null;
                try {
                    $returned = $mode($call, $arguments);
                    if ($returned instanceof Pillion\Future && $returned !== $future) {
                        $returned->wait(30);
                    }
                    ++$done;
                } catch (TypeError | ValueError | Pillion\Exception | FromToString $thrown) {
                    if (strlen($thrown->getMessage()) > 16 << 10) {
                        printf("%s: a message of %d bytes\n", $what, strlen($thrown->getMessage()));
                    }
                } catch (Throwable $thrown) {
                    // PHP's own, of a generator or a closure for example, are not Pillion's. A value for the cache
                    // may be one that PHP does not serialize.
                    preg_match('/^(?:Pillion\\\\Cache\\\\|apcu_)/', $name) && str_starts_with($thrown->getMessage(), 'Serialization of ') ||
                    // APCu converts keys as (string) does, and its iterator throws plain errors.
                    str_contains($name, 'apcu_') && str_contains($thrown->getMessage(), 'could not be converted to string') ||
                    'new APCUIterator' === $name && Error::class === $thrown::class ||
                    printf("%s: %s: %s\n", $what, $thrown::class, $thrown->getMessage());
                }
                if (isset($parameters[$position])) {
                    $fits = is_of($value, $parameters[$position]->getType());
                    if ('strict' === $mode && !$fits && !$thrown instanceof TypeError) {
                        printf("%s: %s and no TypeError\n", $what, $thrown ? $thrown::class : 'nothing thrown');
                    }
                    if ($fits && $thrown instanceof TypeError && !is_array($value)) {
                        printf("%s: %s\n", $what, $thrown->getMessage());
                    }
                } elseif (!$thrown instanceof ArgumentCountError && !str_starts_with($name, 'new ')) {
                    echo "$what: one argument too many was taken\n";
                }
                if (microtime(true) - $begun > LONGEST) {
                    printf("%s: took %.1f s\n", $what, microtime(true) - $begun);
                }
                ++$count;
                unset($value, $arguments, $returned, $thrown);
            }
        }
    }
}
var_dump(count($calls) >= 25, $count > 8_000, $done > 500);

// Afterwards nothing remains, and the process works as before.
preg_match('/VmHWM:\s+(\d+)/', file_get_contents('/proc/self/status'), $found);
var_dump($found[1] < 300_000 ?: $found[1]);
Pillion\completed();
$heap = Pillion\status()['heap']['bytes'] ?? null;
var_dump(is_int($heap) ? $heap < 8 << 20 ?: $heap : array_keys(Pillion\status()));
var_dump(Pillion\Velox\build(request_of('v9.9.9'))->wait(30)->cacheStatus);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
string(4) "MISS"
