--TEST--
Worker\leaks() names what a request leaves behind, each kind, with its place; loading and filling once is none
--SKIPIF--
<?php extension_loaded('session') or die('skip no sessions');
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'worker_gc' => 'every:1', 'log_level' => 'error'], ['-d', 'output_buffering=1000000']);

use Pillion\Worker;

class Cart
{
    public static array $items = ['a', 'b', 'c'];
    private static ?Cart $one = null;
    protected array $list = [];

    public static function add(string $what): void
    {
        static $calls = 0;
        self::$one ??= new self();
        self::$one->list[] = $what;
        self::$items[] = $what;
        $calls++;
    }
}

final class Memo
{
    public static ?array $once = null;
}

/** The loop is in a function: what it holds is its own affair. */
function requests(int $count, callable $handle): void
{
    for ($number = 1; $number <= $count; $number++) {
        Worker\request_begin();
        $handle($number);
        Worker\request_end();
    }
}

/** Runs requests, and tells of the last one. */
function told(string $title, int $count, callable $handle): void
{
    requests($count, $handle);
    echo "$title\n";
    foreach (Worker\leaks() as $leak) {
        // Numbers and names that are PHP's affair.
        $other = ['/#\d+/' => '#N', '/\d+ → \d+ (?=\(|bytes)/' => '', '/\{closure\S*\}(?=\()/' => '{closure}', '/(?<=memory: ).+/' => '…', '/"[^"]*" → (?="SCRATCH)/' => ''];
        $message = preg_replace(array_keys($other), array_values($other), str_replace(scratch(), 'SCRATCH', $leak['message']));
        printf("  %s: %s [%s]%s\n", $leak['kind'], $message, null === $leak['file'] ? '' : basename($leak['file']) . ':' . $leak['line'], $leak['path'] && 'file' !== $leak['kind'] ? ' ' . implode(', ', $leak['path']) : '');
    }
}

told('the first request', 1, function () { Cart::add('x'); });
told('filled once', 1, function () { Memo::$once = [1, 2]; });
told('statics', 2, function () { Cart::add('x'); });
told('nothing', 1, function () {});
told('a global', 2, function () { $GLOBALS['seen'][] = 'x'; });
told('a function static', 2, function () {
    static $memory = [];
    $memory[] = 'x';
});
told('ini', 1, function () { ini_set('precision', '10'); });
told('handlers', 1, function () {
    set_error_handler(fn () => false);
    set_exception_handler('var_dump');
});
told('a constant', 1, function () { define('TENANT', 7); });
told('a shutdown function', 1, function () { register_shutdown_function(function () {}); });
told('a stream', 2, function ($number) { $GLOBALS['open'][] = fopen(scratch("file-$number"), 'w'); });
$GLOBALS['open'] = null;
told('a session', 1, function () { @session_start(['use_cookies' => 0, 'cache_limiter' => '', 'save_path' => scratch()]); });
told('closed', 1, function () { session_write_close(); });
told('classes and functions', 5, function ($number) { eval("class C$number {} function f$number() {}"); });
told('files', 5, function ($number) {
    file_put_contents(scratch("view-$number.php"), '');
    include scratch("view-$number.php");
});
told('memory that nobody knows of', 17, function ($number) { stream_context_set_option(stream_context_get_default(), 'own', "n$number", str_repeat('x', 100)); });

$entry = (function () {
    requests(2, function () { Cart::$items[] = 'x'; });

    return Worker\leaks()[0];
})();
unset($entry['before'], $entry['after']);
$entry['file'] = basename($entry['file']);
echo json_encode($entry), "\n";
?>
--EXPECT--
the first request
filled once
statics
  static property: Cart::$items: array 5 → 6 elements [leaks_are_named.php:7]
  static variable: static $calls in Cart::add(): 2 → 3 [leaks_are_named.php:13]
  property: Cart->list: array 2 → 3 elements [leaks_are_named.php:7] Cart::$one
nothing
a global
  global: $seen: array 1 → 2 elements []
a function static
  static variable: static $memory in {closure}(): array 1 → 2 elements [leaks_are_named.php:56] $handle in told()
ini
  ini: precision: "14" → "10" []
handlers
  error handler: set_error_handler(): changed [leaks_are_named.php:62]
  exception handler: set_exception_handler(): changed []
a constant
  constant: TENANT: defined []
a shutdown function
  shutdown function: register_shutdown_function({closure}()): 0 → 1 registered [leaks_are_named.php:66]
a stream
  global: $open: array 1 → 2 elements []
  resource: stream #N SCRATCH/file-2 (w): left open []
a session
  ini: session.save_path: "SCRATCH" []
  ini: session.use_cookies: "1" → "0" []
  ini: session.cache_limiter: "nocache" → "" []
  constant: SID: defined []
  session: session: left open []
closed
classes and functions
  class: classes: (C5) [] C5
  function: functions: (f5()) [] f5()
files
  file: files: (SCRATCH/view-5.php) []
memory that nobody knows of
  memory: memory: … []
{"kind":"static property","name":"Cart::$items","message":"Cart::$items: array 7 \u2192 8 elements","bytes":0,"file":"leaks_are_named.php","line":7,"path":[],"times":4}
