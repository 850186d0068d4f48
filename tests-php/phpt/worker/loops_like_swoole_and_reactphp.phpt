--TEST--
In loops with callbacks, fibers or unended requests each begin has one end
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_level' => 'error']);

use Pillion\Worker;

/** Like an event loop: runs callbacks and catches exceptions. */
function loop(array $callbacks): void
{
    foreach ($callbacks as $name => $callback) {
        try {
            $callback();
        } catch (Throwable $e) {
            echo "{$name}: ", $e->getMessage(), "\n";
        }
    }
}

/** The wrapper that a bridge adds to a handler. */
function served(callable $handler): callable
{
    return static function () use ($handler): void {
        Worker\request_begin();
        try {
            $handler();
        } finally {
            Worker\request_end();
        }
    };
}

function counts(): string
{
    ['requests' => $ended, 'requests_begun' => $begun, 'hooks' => ['run' => $run]] = Worker\status();

    return "$begun begun, $ended ended, $run hooks\n";
}

Worker\on_reset(static fn () => null);
// Like ReactPHP: one callback after the other, some of which throw.
loop([
    'fine' => served(static fn () => Worker\scope_set('user', 'ann')),
    'throws' => served(static fn () => throw new RuntimeException('in the handler')),
    'sees nothing' => served(static fn () => var_dump(Worker\scope_get('user'))),
]);
echo counts();

// Like Swoole: a coroutine suspends in the middle of its request, and another begins one.
$first = new Fiber(served(static function (): void {
    $id = Worker\request_id();
    Fiber::suspend();
    var_dump($id === Worker\request_id());
}));
$first->start();
$second = new Fiber(served(static fn () => print("never\n")));
loop(['second coroutine' => $second->start(...)]);
$first->resume();
echo counts();

// Mistakes: a surplus end, an end in a hook, a begin in a hook, a begin without an end.
$inner = Worker\on_reset(static function (): void {
    loop(['begin in a hook' => Worker\request_begin(...), 'end in a hook' => Worker\request_end(...)]);
});
loop([
    'end' => Worker\request_end(...),
    'twice' => static function (): void {
        Worker\request_begin();
        Worker\request_end();
        Worker\request_end();
    },
]);
Worker\remove_hook($inner);
echo counts();
Worker\request_begin('left-open');
$abandoned = new Fiber(static fn () => Fiber::suspend());
$abandoned->start();
register_shutdown_function(static function (): void {
    echo Worker\request_id(), ': ', counts();
});
?>
--EXPECT--
throws: in the handler
NULL
3 begun, 3 ended, 3 hooks
second coroutine: request_begin() was called in a request that request_begin() has begun: end it with request_end() first
bool(true)
4 begun, 4 ended, 4 hooks
end: request_end() was called without a request that request_begin() has begun
begin in a hook: request_begin() was called in a request that request_begin() has begun: end it with request_end() first
end in a hook: request_end() was called by a reset hook: the request ends by itself after the hooks
twice: request_end() was called without a request that request_begin() has begun
5 begun, 5 ended, 6 hooks
left-open: 6 begun, 5 ended, 6 hooks
