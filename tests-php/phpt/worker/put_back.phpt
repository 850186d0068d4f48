--TEST--
pillion.worker_reset restores its values for every way a request changes them
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_reset' => 'ini,handlers,timezone,wrappers', 'log' => 'stderr', 'log_level' => 'error'], ['-d', 'display_errors=0']);
require __DIR__ . '/left_behind.inc';

use Pillion\Worker;

function serve(callable $work): void
{
    Worker\request_begin();
    $work();
    Worker\request_end();
    echo state(), "\n";
}

/** The number of handlers below the current one. */
function depth(callable $set, callable $restore): int
{
    $held = [];
    while ($handler = $set(null)) {
        $restore();
        $held[] = $handler;
        $restore();
    }
    $restore();
    foreach (array_reverse($held) as $handler) {
        $set($handler);
    }

    return count($held);
}

ini_set('precision', '10');
set_error_handler('trim', E_NOTICE);
set_exception_handler('trim');
set_error_handler('strlen', E_WARNING);
stream_wrapper_register('boot', Wrapper::class);
// Changes of the first request are the application's own.
serve(fn () => ini_set('serialize_precision', '5'));
serve(fn () => mess('5'));
echo counts(), "\n";
for ($i = 0; $i < 100; $i++) {
    Worker\request_begin();
    mess((string) $i);
    Worker\request_end();
}
echo state(), ' ', depth(set_error_handler(...), restore_error_handler(...)), ' ', depth(set_exception_handler(...), restore_exception_handler(...)), "\n";

// Removed values are restored.
serve(static function (): void {
    ini_restore('precision');
    ini_restore('serialize_precision');
    restore_error_handler();
    restore_error_handler();
    restore_exception_handler();
    stream_wrapper_unregister('boot');
    stream_wrapper_unregister('file');
});
echo ini_get('serialize_precision'), ' ', depth(set_error_handler(...), restore_error_handler(...)), ' ', strlen(file_get_contents(__FILE__)) > 100 ? 'reads' : '', "\n";

// Replacements are removed.
serve(static function (): void {
    restore_error_handler();
    set_error_handler('is_null');
    stream_wrapper_unregister('boot');
    stream_wrapper_register('boot', Mess::class);
    stream_wrapper_unregister('file');
    stream_wrapper_register('file', Wrapper::class);
});
echo strlen(file_get_contents(__FILE__)) > 100 ? 'reads' : '', ' ', fopen('boot://x', 'r') ? 'opens' : '', "\n";
// Changes between two requests are the loop's own; its handler is called for the error levels it was set for.
$called = [];
restore_error_handler();
set_error_handler(static function (int $level) use (&$called): bool {
    $called[] = $level;

    return true;
}, E_USER_WARNING);
Worker\request_begin();
set_error_handler(static fn (): bool => true);
Worker\request_end();
trigger_error('no', E_USER_NOTICE);
trigger_error('yes', E_USER_WARNING);
var_dump($called === [E_USER_WARNING]);

// A destructor that throws stops nothing and is logged.
serve(static function (): void {
    ini_set('precision', '3');
    set_error_handler([new class {
        public function __destruct()
        {
            throw new LogicException('no');
        }

        public function handle(): bool
        {
            return true;
        }
    }, 'handle']);
    date_default_timezone_set('Etc/GMT+7');
});
// A memory limit that a request changed is restored without a log line.
serve(static fn () => ini_set('memory_limit', '1G'));
echo ini_get('memory_limit') === '1G' ? 'left' : 'put back', "\n";
?>
--EXPECTF--
{"precision":"10","time limit":"0","error handler":"strlen","time zone":"UTC","wrappers":["boot"]}
{"precision":"10","time limit":"0","error handler":"strlen","time zone":"UTC","wrappers":["boot"]}
{"ini":2,"handlers":2,"timezone":1,"wrappers":1,"session":0,"umask":0,"locale":0,"environment":0,"put_back":6}
{"precision":"10","time limit":"0","error handler":"strlen","time zone":"UTC","wrappers":["boot"]} 2 1
{"precision":"10","time limit":"0","error handler":"strlen","time zone":"UTC","wrappers":["boot"]}
5 2 reads
{"precision":"10","time limit":"0","error handler":"strlen","time zone":"UTC","wrappers":["boot"]}
reads opens
bool(true)
%s ERROR reset failed pid=%d class=LogicException message=no place=%sput_back.php:%d
{"precision":"10","time limit":"0","error handler":"Closure","time zone":"UTC","wrappers":["boot"]}
{"precision":"10","time limit":"0","error handler":"Closure","time zone":"UTC","wrappers":["boot"]}
put back
