--TEST--
On the command line loop() calls its handler once; mistakes are reported, exceptions pass
--FILE--
<?php
require __DIR__ . '/../lib.inc';
use Pillion\Worker;

$told = static function (callable $call): void {
    try {
        var_dump($call());
    } catch (Throwable $e) {
        echo $e::class, ': ', $e->getMessage(), "\n";
    }
};
Worker\on_reset(static fn () => print("hook\n"));

$told(static fn () => Worker\loop(static function (mixed ...$arguments): string {
    echo 'arguments: ', count($arguments), ', id: ', Worker\request_id() !== '' ? 'there' : 'none', "\n";

    return 'not looked at';
}, 10));
$told(static fn () => Worker\loop(maxRequests: 0, handler: 'phpversion'));
$told(static fn () => Worker\loop(static fn () => throw new DomainException('from the handler')));

$told(static fn () => Worker\loop(static fn () => null, -1));
$told(static fn () => Worker\loop(static fn () => null, PHP_INT_MIN));
$told(static fn () => Worker\loop('no_such_function'));
$told(static fn () => Worker\loop([]));
$told(static fn () => Worker\loop(static fn () => null, 'many'));
$told(static fn () => Worker\loop());

// A loop that an exception left is over.
$told(static fn () => Worker\loop(static fn () => Worker\loop(static fn () => null)));
$told(static fn () => Worker\loop(static fn () => null));

// The handler outlives the variable that held it.
$handler = static function () use (&$handler): void {
    $handler = null;
    gc_collect_cycles();
    echo "still here\n";
};
$told(static fn () => Worker\loop($handler));

Worker\request_begin('mine');
$told(static fn () => Worker\loop(static fn () => null));
Worker\request_end();

var_dump(Worker\status()['requests']);
Worker\loop(static function (): void {
    register_shutdown_function(static fn () => print("shutdown\n"));
    exit("exit\n");
});
echo "never\n";
?>
--EXPECT--
arguments: 0, id: there
int(1)
int(1)
DomainException: from the handler
ValueError: Pillion\Worker\loop(): Argument #2 ($maxRequests) must be greater than or equal to 0
ValueError: Pillion\Worker\loop(): Argument #2 ($maxRequests) must be greater than or equal to 0
TypeError: Pillion\Worker\loop(): Argument #1 ($handler) must be a valid callback
TypeError: Pillion\Worker\loop(): Argument #1 ($handler) must be a valid callback
TypeError: Pillion\Worker\loop(): Argument #2 ($maxRequests) must be of type int, string given
ArgumentCountError: Pillion\Worker\loop() expects at least 1 argument, 0 given
Pillion\StateException: loop() was called by its own handler: call it once, as the last thing a script does
int(1)
still here
int(1)
Pillion\StateException: loop() was called in a request that request_begin() has begun: the loop begins and ends its requests itself
hook
int(1)
exit
shutdown
