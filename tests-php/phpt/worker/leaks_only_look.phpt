--TEST--
The leak check runs no user code, holds no values, and terminates for all kinds of values
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'log_level' => 'error']);

use Pillion\Worker;

enum Suit: string
{
    case Hearts = 'h';
}

#[AllowDynamicProperties]
class Odd
{
    public static mixed $value = null;
    public string $neverSet;
    public readonly int $number;
    private ?Odd $next = null;

    public function __construct(?Odd $next = null)
    {
        $this->next = $next;
    }

    public function __get(string $name): mixed
    {
        echo "__get($name) was called\n";

        return null;
    }

    public function __destruct()
    {
        echo "destroyed\n";
    }
}

$own = [1];
$own['self'] = &$own;
$deep = [];
for ($at = 0; $at < 10_000; $at++) {
    $deep = [$deep];
}
$many = array_fill(0, 300_000, 'x');
$long = null;
for ($at = 0; $at < 1000; $at++) {
    $long = new ArrayObject([$long]);
}
$values = [
    'an array that holds itself' => [&$own],
    'a deep array' => $deep,
    'a long array' => $many,
    'a chain of objects' => $long,
    'an enum' => [Suit::Hearts, Suit::cases()],
    'a closure' => function () use (&$values) { return $values; },
    'a bound method' => (new DateTime('2020-01-01'))->format(...),
    'a generator' => (function () { yield 1; })(),
    'a fiber' => (function () {
        $fiber = new Fiber(fn () => Fiber::suspend());
        $fiber->start();

        return $fiber;
    })(),
    'containers' => [new SplObjectStorage(), new SplQueue(), new SplFixedArray(3), new SplMinHeap(), new WeakMap(), new ArrayIterator([1])],
    'dates' => [new DateTimeImmutable('2020-01-01'), new DateTimeZone('UTC'), new DateInterval('P1D')],
    'numbers' => [NAN, INF, -0.0, PHP_INT_MIN],
    'an anonymous class' => new class { public ?int $x; },
    'a stream' => fopen('php://memory', 'r+'),
];
if (PHP_VERSION_ID >= 80400) {
    $values['a ghost'] = (new ReflectionClass(Suit::class))->isEnum() ? eval('
        class Lazy { public int $a = 1; public string $b { get => "hooked"; } public int $c { get { echo "a hook ran\n"; return $this->c; } } public function __construct() { echo "initialised\n"; $this->c = 1; } }
        $class = new ReflectionClass(Lazy::class);
        $proxy = $class->newLazyProxy(fn () => new Lazy());
        return [$class->newLazyGhost(function (Lazy $ghost) { echo "initialised\n"; }), $proxy];
    ') : null;
}
foreach ($values as $name => $value) {
    Odd::$value = $value;
    for ($number = 0; $number < 3; $number++) {
        Worker\request_begin();
        Worker\request_end();
        foreach (Worker\leaks() as $leak) {
            echo "$name: {$leak['message']}\n";
        }
    }
}
// There is so much of it that the check can reach its limits.
unset($values, $value, $many, $deep, $long, $own);
$odd = new Odd(new Odd());
$odd->dynamic = [$odd];
Odd::$value = WeakReference::create($odd);
for ($number = 0; $number < 3; $number++) {
    Worker\request_begin();
    Worker\request_end();
}
unset($odd->dynamic);
echo "about to go\n";
$odd = null;
var_dump(Odd::$value->get());

// A change deep inside is reported with the name of its container.
class Node
{
    public array $log = [];
    public ?Node $next = null;
}
$kept = new Node();
$kept->next = new Node();
$kept->next->next = new Node();
Odd::$value = ['root' => $kept];
for ($number = 0; $number < 10; $number++) {
    Worker\request_begin();
    $kept->next->next->log[] = 'x';
    Worker\request_end();
}
echo Worker\leaks()[0]['message'], ' in ', implode(' → ', Worker\leaks()[0]['path']), "\n";

// Half of it now, half later, and back: state that is reset is no leak.
Worker\on_reset(function () use ($kept) { $kept->log = []; });
$kept->next->next->log = [];
for ($number = 0; $number < 20; $number++) {
    Worker\request_begin();
    echo count(Worker\leaks());
    $kept->log[] = 'x';
    Worker\request_end();
}
echo "\n";
?>
--EXPECT--
about to go
destroyed
destroyed
NULL
Node->log: array 1 → 9 elements, +128 bytes in Odd::$value → Node->next → Node->next
00000000000000000000
