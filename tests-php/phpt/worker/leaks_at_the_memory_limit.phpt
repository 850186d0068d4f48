--TEST--
At the memory limit inside the leak check, the script ends with the usual error
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'log_level' => 'error'], ['-d', 'memory_limit=48M', '-d', 'html_errors=0']);

use Pillion\Worker;

final class Held
{
    public static SplObjectStorage $objects;
    public static array $filler;
}

Held::$objects = new SplObjectStorage();
for ($number = 0; $number < 60_000; $number++) {
    Held::$objects[new stdClass()] = 1;
}
Worker\request_begin();
Worker\request_end();
// The content of the storage is rendered into one of PHP's buffers, which exceeds the limit.
Held::$filler = array_fill(0, 30_000, 0);
for ($number = 0; memory_get_usage() < (48 << 20) - 800_000; $number++) {
    Held::$filler[$number] = str_repeat('x', 3000);
}
register_shutdown_function(function () {
    Held::$filler = [];
    echo "shutdown functions run\n";
});
Worker\request_begin();
Worker\request_end();
?>
--EXPECTF--
%AFatal error: Allowed memory size of 50331648 bytes exhausted%S(tried to allocate %d bytes) in %s on line %d
shutdown functions run
