<?php

/*
 * Prints PHP's reflection of the namespace Pillion as comparable lines of text: run once with the extension loaded and
 * once, in a PHP without it, over the stubs (`stubs-check.php FOLDER`). With a folder it also lists the declarations
 * without a doc comment, on standard error, and then ends with exit code 1.
 */

declare(strict_types=1);

final class Description
{
    /** @var list<string> */
    public array $lines = [];

    /** @var list<string> declarations without a doc comment */
    public array $undocumented = [];

    public function __construct()
    {
        $functions = get_defined_functions();
        foreach (self::ours([...$functions['internal'], ...$functions['user']]) as $name) {
            $function = new ReflectionFunction($name);
            $this->add($function->getName(), 'function ' . self::signature($function), $function);
        }
        foreach (self::ours(array_keys(get_defined_constants())) as $name) {
            $this->lines[] = "const $name = " . self::value(constant($name));
        }
        foreach (self::ours([...get_declared_classes(), ...get_declared_interfaces()]) as $name) {
            $this->addClass(new ReflectionClass($name));
        }
        sort($this->lines);
    }

    /**
     * @param list<string> $names
     * @return list<string>
     */
    private static function ours(array $names): array
    {
        return array_values(array_filter($names, static fn (string $name) => 0 === stripos($name, 'pillion\\')));
    }

    private function addClass(ReflectionClass $class): void
    {
        $name = $class->getName();
        $interfaces = $class->getInterfaceNames();
        sort($interfaces);
        $this->add($name, sprintf(
            '%s %s extends %s implements %s',
            implode(' ', Reflection::getModifierNames($class->getModifiers())) . ($class->isInterface() ? ' interface' : ' class'),
            $name,
            ($class->getParentClass() ?: null)?->getName() ?? '-',
            implode(', ', $interfaces) ?: '-',
        ), $class);

        foreach ($class->getReflectionConstants() as $constant) {
            if ($constant->getDeclaringClass()->getName() === $name) {
                $this->add("$name::{$constant->getName()}", "const $name::{$constant->getName()} = " . self::value($constant->getValue()), $constant);
            }
        }
        foreach ($class->getProperties() as $property) {
            if ($property->getDeclaringClass()->getName() === $name && !$property->isPrivate()) {
                $modifiers = implode(' ', Reflection::getModifierNames($property->getModifiers()));
                $this->add("$name::\${$property->getName()}", "property $modifiers {$property->getType()} $name::\${$property->getName()}", $property);
            }
        }
        foreach ($class->getMethods() as $method) {
            // A class that can't be instantiated has a private constructor in a stub, a throwing one in the extension.
            $closed = $method->isPrivate() || ($method->isConstructor() && 0 === $method->getNumberOfParameters());
            if ($method->getDeclaringClass()->getName() === $name && !$closed) {
                $modifiers = implode(' ', Reflection::getModifierNames($method->getModifiers()));
                $this->add("$name::{$method->getName()}()", "method $modifiers $name::" . self::signature($method), $method);
            }
        }
    }

    private function add(string $what, string $line, Reflector $reflector): void
    {
        $this->lines[] = $line;
        if (method_exists($reflector, 'getDocComment') && false === $reflector->getDocComment()) {
            $this->undocumented[] = $what;
        }
    }

    private static function signature(ReflectionFunctionAbstract $function): string
    {
        $parameters = array_map(self::parameter(...), $function->getParameters());
        // An extension can declare a method's type tentatively; the difference is irrelevant in a stub.
        $returns = $function->getReturnType() ?? $function->getTentativeReturnType() ?? '-';

        return sprintf('%s(%s): %s', $function->getName(), implode(', ', $parameters), self::type((string) $returns));
    }

    private static function parameter(ReflectionParameter $parameter): string
    {
        return self::type((string) $parameter->getType())
            . ' ' . ($parameter->isPassedByReference() ? '&' : '') . ($parameter->isVariadic() ? '...' : '')
            . '$' . $parameter->getName()
            . match (true) {
                $parameter->isVariadic() || !$parameter->isOptional() => '',
                $parameter->isDefaultValueAvailable() => ' = ' . self::value($parameter->getDefaultValue()),
                default => ' = (unknown)',
            };
    }

    private static function value(mixed $value): string
    {
        return json_encode($value, JSON_PRESERVE_ZERO_FRACTION | JSON_THROW_ON_ERROR);
    }

    /** The members of a union have no order, and `?T` is `T|null`. */
    private static function type(string $type): string
    {
        $members = explode('|', str_starts_with($type, '?') ? substr($type, 1) . '|null' : $type);
        sort($members);

        return implode('|', $members);
    }
}

/** Classes of one file can extend those of another, in any order: a file is loaded on the first use of its class. */
function load(string $folder): void
{
    $files = [];
    $classes = [];
    foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator($folder, FilesystemIterator::SKIP_DOTS)) as $file) {
        if ('php' === $file->getExtension()) {
            $files[] = $file->getPathname();
            $code = (string) file_get_contents($file->getPathname());
            preg_match('/^namespace ([\w\\\\]+)/m', $code, $namespace);
            preg_match_all('/^[ a-z]*\b(?:class|interface) (\w+)/m', $code, $found);
            foreach ($found[1] as $class) {
                $classes[($namespace[1] ?? '') . '\\' . $class] = $file->getPathname();
            }
        }
    }
    spl_autoload_register(static function (string $class) use ($classes): void {
        isset($classes[$class]) && require_once $classes[$class];
    });
    foreach ($files as $file) {
        require_once $file;
    }
}

$folder = $argv[1] ?? null;
null === $folder || load($folder);
$description = new Description();
echo implode("\n", $description->lines), "\n";

if (null !== $folder && [] !== $description->undocumented) {
    fwrite(STDERR, 'no doc comment: ' . implode(', ', $description->undocumented) . "\n");
    exit(1);
}
