--TEST--
Hooks run once after each request, in order; one that throws or exits stops no other
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_format' => 'logfmt'], ['-d', 'display_errors=stderr']);

use Pillion\Worker;

$said = static fn (string $what) => static function () use ($what): void {
    echo Worker\request_id(), ': ', $what, "\n";
};
Worker\on_reset($said('late'), -1);
$normal = Worker\on_reset($said('normal'));
Worker\on_reset($said('first'), 10);
Worker\on_reset(static fn () => throw new LogicException('no'), 5);
Worker\on_reset(static fn () => exit(3), 4);
Worker\on_reset('gc_collect_cycles');
Worker\on_reset(static function () use ($said): void {
    static $done = false;
    $done || $done = (bool) Worker\on_reset($said('added'), 20);
    foreach ([Worker\request_begin(...), Worker\request_end(...)] as $call) {
        echo caught($call)->getMessage(), "\n";
    }
});
$itself = Worker\on_reset(static function () use (&$itself): void {
    echo 'once ', json_encode(Worker\remove_hook($itself)), "\n";
});

foreach (['one', 'two'] as $id) {
    Worker\request_begin($id);
    echo "$id\n";
    Worker\request_end();
}
var_dump(Worker\remove_hook($normal), Worker\remove_hook($normal), Worker\remove_hook(-1));
echo json_encode(Worker\status()['hooks']), "\n";
foreach ([fn () => Worker\on_reset('not_there'), fn () => Worker\on_reset(5)] as $wrong) {
    try {
        $wrong();
    } catch (TypeError $e) {
        echo $e->getMessage(), "\n";
    }
}
$count = 0;
try {
    while (++$count < 2000) {
        Worker\on_reset('is_null');
    }
} catch (Pillion\StateException $e) {
    echo $e->getMessage(), "\n";
}
?>
--EXPECTF--
one
one: first
time=%s level=error event="reset hook failed" pid=%d class=LogicException message=no place=%shooks.php:13
time=%s level=error event="reset hook failed" pid=%d reason="it called exit(), which ends the call only"
one: normal
request_begin() was called in a request that request_begin() has begun: end it with request_end() first
request_end() was called by a reset hook: the request ends by itself after the hooks
once true
one: late
two
two: added
two: first
time=%s level=error event="reset hook failed" pid=%d class=LogicException message=no place=%shooks.php:13
time=%s level=error event="reset hook failed" pid=%d reason="it called exit(), which ends the call only"
two: normal
request_begin() was called in a request that request_begin() has begun: end it with request_end() first
request_end() was called by a reset hook: the request ends by itself after the hooks
two: late
bool(true)
bool(false)
bool(false)
{"registered":7,"run":16,"failed":4,"skipped":0}
Pillion\Worker\on_reset(): Argument #1 ($hook) must be a valid callback
Pillion\Worker\on_reset(): Argument #1 ($hook) must be a valid callback
1000 hooks are registered: register each once, before the loop, and not in every request
