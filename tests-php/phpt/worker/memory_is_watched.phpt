--TEST--
Worker\status() reports memory growth and the cycle collection of worker.gc
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_gc' => 'every:10', 'log_level' => 'error']);

use Pillion\Worker;

final class Cycle
{
    public self $self;
    public static int $gone = 0;

    public function __construct()
    {
        $this->self = $this;
    }

    public function __destruct()
    {
        self::$gone++;
        if (self::$gone % 7 === 0) {
            throw new LogicException('a destructor throws');
        }
    }
}

$kept = [];
$serve = function (int $count, callable $handle): array {
    for ($number = 0; $number < $count; $number++) {
        Worker\request_begin();
        $handle();
        Worker\request_end();
    }

    return Worker\status();
};
echo json_encode($serve(5, function () {})['trend']), "\n";
$before = Worker\status()['gc'];
$after = $serve(20, function () { new Cycle(); });
var_dump($after['gc']['runs'] - $before['runs'], $after['gc']['freed'] > 0, Cycle::$gone, $after['gc']['last'] < 60, $after['gc']['policy']);
$calm = $serve(300, function () { new Cycle(); })['trend'];
var_dump(abs($calm['bytes']) < 5000, $calm['requests'] >= 64);
$grows = $serve(1100, function () use (&$kept) { $kept[] = str_repeat('x', 1000); })['trend'];
// 1,032 bytes each, plus the array itself.
var_dump($grows['bytes'] > 1_000_000 && $grows['bytes'] < 1_300_000, $grows['requests'] >= 1000 && $grows['requests'] <= Worker\status()['requests']);
$status = Worker\status();
var_dump(is_int($status['memory_baseline']) && $status['memory_baseline'] > 0 && $status['memory_baseline'] <= $status['peak_memory']);
echo json_encode(unserialize(php('echo serialize(Pillion\Worker\status());', ['worker_gc' => 'off'])['output'])['gc']), "\n";
// Garbage cycles are no growth: the trend is unknown until the collector has run.
$loop = 'class Cycle { public $self; public $text; } for ($i = 0; $i < 100; $i++) { Pillion\Worker\request_begin(); $c = new Cycle(); $c->self = $c; $c->text = str_repeat("x", 1000); unset($c); Pillion\Worker\request_end(); %s } echo json_encode(Pillion\Worker\status()["trend"]);';
foreach (['', 'gc_collect_cycles();'] as $collect) {
    echo php(sprintf($loop, $collect), ['worker_gc' => 'off'])['output'], "\n";
}
// One of ten requests is checked, eight in a row.
$leak = '$kept = []; for ($i = 0; $i < 60; $i++) { Pillion\Worker\request_begin(); $kept[] = $i; $first ??= Pillion\Worker\leaks() ? $i : null; Pillion\Worker\request_end(); } echo $first;';
echo php($leak, ['worker_leak_check' => 'sample:10', 'log_level' => 'error'])['output'], "\n";
?>
--EXPECT--
null
int(2)
bool(true)
int(15)
bool(true)
string(8) "every:10"
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
{"policy":"off","runs":0,"freed":0,"last":null}
null
{"bytes":0,"requests":99}
16
