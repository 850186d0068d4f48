--TEST--
Worker\leaks() reports each kind of leak with its place within ten requests
--SKIPIF--
<?php extension_loaded('session') or die('skip no sessions');
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'log_level' => 'error'], ['-d', 'output_buffering=1000000']);

use Pillion\Worker;

class Cart
{
    public static array $items = ['a', 'b', 'c'];
    public static ?Cart $one = null;
    public static string $log = '';
    protected array $list = [];
    public ?Node $head = null;
    public SplQueue $queue;

    public static function add(string $what): void
    {
        static $calls = [];
        self::$one->list[] = $what;
        $calls[] = 1;
    }
}

final class Node
{
    public ?Node $self = null;

    public function __construct(public ?Node $next)
    {
    }
}

final class Memo
{
    public static ?array $once = null;
}

/** The loop is in a function: its values are the loop's local variables. */
function requests(int $count, callable $handle, ?callable $seen = null): void
{
    $mine = [];
    for ($number = 1; $number <= $count; $number++) {
        Worker\request_begin();
        $handle($number, $mine);
        Worker\request_end();
        gc_collect_cycles();
    }
    // A request is compared when the next one begins.
    Worker\request_begin();
    Worker\request_end();
}

/** Runs ten requests, and prints the leaks that are new. */
function planted(string $title, callable $handle, int $count = 10): void
{
    static $known = [];
    requests($count, $handle);
    echo "$title\n";
    foreach (Worker\leaks() as $leak) {
        if (isset($known[$leak['kind'] . $leak['name']])) {
            continue;
        }
        $known[$leak['kind'] . $leak['name']] = true;
        // Numbers that depend on PHP.
        $other = ['/\d+ → \d+(?= (bytes|objects|open|registered))/' => 'N → N', '/\d+ → \d+(?= elements)/' => 'N → N', '/\{closure\S*\}(?=\()/' => '{closure}', '/\d+ (?=generated)/' => 'N ', '/\([^()]*?C\d+, .*\)|\(f.*\)|\(SCRATCH.*\)/' => '(…)', '/, [+-]\d+ bytes$/' => '', '/\d+(?= requests in)/' => 'N', '/file-\d+/' => 'file-N'];
        $message = preg_replace(array_keys($other), array_values($other), str_replace(scratch(), 'SCRATCH', $leak['message']));
        $path = in_array($leak['kind'], ['file', 'class', 'function', 'resource', 'object', 'connection'], true) ? [] : $leak['path'];
        printf("  %s: %s [%s]%s\n", $leak['kind'], $message, null === $leak['file'] ? '' : basename($leak['file']) . ':' . $leak['line'], $path ? ' ' . implode(', ', $path) : '');
    }
}

/** Holders of leaks that are no kind of their own. */
$GLOBALS['keep'] = new SplObjectStorage();
Cart::$one = new Cart();
Cart::$one->queue = new SplQueue();
requests(1, function () {});

planted('filled once', function ($number) { Memo::$once ??= [1, 2]; });
planted('replaced', function ($number) {
    Memo::$once = range(1, 50);
    Cart::$one->head = new Node(new Node(null));
});
planted('a static property', function () { Cart::$items[] = 'x'; });
planted('a static variable and a property', function () { Cart::add('x'); });
planted('a text', function () { Cart::$log .= "a line\n"; });
planted('an array inside of an array', function () { $GLOBALS['deep']['a']['b'][] = 1; });
planted('a list of objects', function () { Cart::$one->head = new Node(Cart::$one->head); });
Cart::$one->head = null;
planted('a container', function () { Cart::$one->queue[] = str_repeat('x', 9); });
planted('a function static', function () {
    static $memory = [];
    $memory[] = 'x';
});
planted('a variable of the loop', function ($number, &$mine) { $mine[] = $number; });
planted('a setting, once', function () { ini_set('serialize_precision', '10'); });
planted('a setting', function ($number) { ini_set('precision', (string) (20 - $number)); });
planted('handlers', function () {
    set_error_handler(fn () => false);
    set_exception_handler('var_dump');
});
planted('a constant', function ($number) { define("TENANT_$number", 7); }, 2);
planted('a shutdown function', function () { register_shutdown_function(function () {}); });
planted('a stream', function ($number) { $GLOBALS['open'][] = fopen(scratch("file-$number"), 'w'); });
$GLOBALS['open'] = null;
// A connection is recognized by the name of its class or of a parent class.
class_exists('Redis') || eval('class Redis {}');
final class Link extends Redis
{
}
planted('a connection', function () { $GLOBALS['links'][] = new Link(); });
planted('a session', function () { @session_start(['use_cookies' => 0, 'cache_limiter' => '', 'save_path' => scratch()]); });
session_write_close();
planted('classes and functions', function ($number) { eval("class C$number {} function f$number() {}"); });
planted('files', function ($number) {
    file_put_contents(scratch("view-$number.php"), '');
    include scratch("view-$number.php");
});
// Old leaks are forgotten after many requests without growth.
requests(70, function () {});
echo count(array_filter(Worker\leaks(), fn ($leak) => !in_array($leak['kind'], ['ini'], true))), " left\n";
planted('memory that nothing known holds', function ($number) { stream_context_set_option(stream_context_get_default(), 'own', "n$number", str_repeat('x', 100)); });

Cart::$items = [];
requests(40, function () { Cart::$items[] = 'x'; });
$entry = array_values(array_filter(Worker\leaks(), fn ($leak) => $leak['name'] === 'Cart::$items'))[0];
$entry['file'] = basename($entry['file']);
echo json_encode($entry), "\n";
?>
--EXPECT--
filled once
replaced
a static property
  static property: Cart::$items: array N → N elements [leaks_are_named.php:7]
a static variable and a property
  static variable: static $calls in Cart::add(): array N → N elements [leaks_are_named.php:16]
  property: Cart->list: array N → N elements [leaks_are_named.php:7] Cart::$one
a text
  static property: Cart::$log: string N → N bytes [leaks_are_named.php:7]
an array inside of an array
  global: $deep: array of 1 element, N → N elements at all levels []
a list of objects
  object: Node: N → N objects, held by Node->next → Node->next → Node->next → Node->next → Node->next → Node->next → Node->next → Node->next [leaks_are_named.php:24]
a container
  property: SplQueue, contents: array N → N elements [] Cart::$one, Cart->queue
a function static
  static variable: static $memory in {closure}(): array N → N elements [leaks_are_named.php:90] $handle in planted()
a variable of the loop
  variable of the loop: $mine in requests(): array N → N elements [leaks_are_named.php:39]
a setting, once
a setting
  ini: precision: "14" → "10" []
handlers
  error handler: set_error_handler(): N → N registered [leaks_are_named.php:98]
  exception handler: set_exception_handler(): N → N registered []
a constant
  constant: TENANT_1: defined []
  constant: TENANT_2: defined []
a shutdown function
  shutdown function: register_shutdown_function({closure}()): N → N registered [leaks_are_named.php:102]
a stream
  global: $open: array N → N elements []
  resource: stream: N → N open, the last one SCRATCH/file-N (w) []
a connection
  global: $links: array N → N elements []
  connection: Link: N → N open, held by $links [leaks_are_named.php:107]
a session
  constant: SID: defined []
  session: session: left open []
classes and functions
  class: classes: N generated and loaded (…) []
  function: functions: N generated and loaded (…) []
files
  file: files: N generated and loaded (…) []
0 left
memory that nothing known holds
  memory: memory: N → N bytes, N requests in a row []
{"kind":"static property","name":"Cart::$items","message":"Cart::$items: array 1 \u2192 40 elements, +896 bytes","before":"array of 1 element","after":"array of 40 elements","bytes":896,"file":"leaks_are_named.php","line":7,"path":[],"times":39}
