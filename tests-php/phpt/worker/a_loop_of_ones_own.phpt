--TEST--
request_begin() and request_end() mark requests of any loop; mistakes are harmless
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Worker;

function told(callable $work): void
{
    try {
        $work();
    } catch (Throwable $e) {
        echo get_class($e), ' ', $e->getCode(), ': ', $e->getMessage(), "\n";
    }
}

function counts(): string
{
    ['requests' => $ended, 'requests_begun' => $begun, 'thread_requests' => $here] = Worker\status();

    return "$begun begun, $ended ended, $here here\n";
}

$script = Worker\request_id();
told(Worker\request_end(...));
echo counts();
Worker\request_begin();
$first = Worker\request_id();
var_dump($first !== $script, Worker\status()['worker_mode'], Worker\status()['request']['id'] === $first);
told(Worker\request_begin(...));
var_dump(Worker\request_id() === $first);
echo counts();
Worker\request_end();
echo counts();
var_dump(Worker\request_id(), Worker\status()['request']);
told(Worker\request_end(...));
told(fn () => Worker\request_begin('not fit'));
told(fn () => Worker\request_begin(''));
Worker\request_begin('mine:1');
var_dump(Worker\request_id());
usleep(20_000);
Worker\request_end();
echo counts();
['last' => $last, 'p50' => $p50, 'p99' => $p99] = Worker\status()['durations'];
var_dump($last >= 0.02, $p50 < $p99, $p99 >= $last);
Worker\request_begin('mine:2');
register_shutdown_function(function () {
    echo Worker\request_id(), ' ', counts();
});
exit;
?>
--EXPECT--
Pillion\StateException 800: request_end() was called without a request that request_begin() has begun
0 begun, 0 ended, 0 here
bool(true)
bool(true)
bool(true)
Pillion\StateException 800: request_begin() was called in a request that request_begin() has begun: end it with request_end() first
bool(true)
1 begun, 0 ended, 0 here
1 begun, 1 ended, 1 here
string(0) ""
NULL
Pillion\StateException 800: request_end() was called without a request that request_begin() has begun
ValueError 0: Pillion\Worker\request_begin(): Argument #1 ($id) must be 1 to 128 letters, digits and -_.:+/=@
ValueError 0: Pillion\Worker\request_begin(): Argument #1 ($id) must be 1 to 128 letters, digits and -_.:+/=@
string(6) "mine:1"
2 begun, 2 ended, 2 here
bool(true)
bool(true)
bool(true)
mine:2 3 begun, 2 ended, 2 here
