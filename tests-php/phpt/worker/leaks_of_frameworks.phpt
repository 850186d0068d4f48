--TEST--
State that frameworks reset in the next request is no leak; planted leaks are
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'log_level' => 'warn'], ['-d', 'output_buffering=1000000']);

use Framework\{Container, Kernel, Logger, Message, Names};
use Pillion\Worker;

$kernel = (require __DIR__ . '/../../fixtures/framework/application.php')();
$paths = ['/', '/a', '/ab', '/blog', '/blog/1', '/blog/22', '/blog/333', '/blog/post/1', '/search?q=longer', '/search?q=longest', '/users/1/posts/2?page=3'];

/** The script's own loop: its variables hold the last request and its response. */
function serve(Kernel $kernel, array $paths, int $count, ?Closure $leak = null): array
{
    static $number = 0;
    $named = [];
    for ($end = $number + $count; $number < $end; $number++) {
        Worker\request_begin();
        foreach (Worker\leaks() as $entry) {
            $named["{$entry['kind']}: {$entry['name']}"] ??= $count - ($end - $number);
        }
        $request = new Message($paths[$number < 30 ? $number % count($paths) : mt_rand(0, count($paths) - 1)], array_fill_keys(range(0, $number % 3), "value $number"));
        $response = $kernel->handle($request);
        $leak !== null && $leak($number, $request);
        Worker\request_end();
        // As the runners of frameworks do.
        gc_collect_cycles();
    }

    return $named;
}

mt_srand(7);
var_dump(serve($kernel, $paths, 1000));
$kept = new SplObjectStorage();
$leaks = [
    'a service' => static function (int $number) use ($kernel) { $kernel->container->get('service.3')->options['seen'][] = $number; },
    'a static cache by user' => static function (int $number) { Names::snake("User$number"); },
    'all requests' => static function (int $number, Message $request) use ($kept) { $kept[$request] = true; },
    'listeners' => static function (int $number) { Container::$instance->services["listener.$number"] = new Logger(); },
];
foreach ($leaks as $title => $leak) {
    $named = serve($kernel, $paths, 11, $leak);
    echo "$title\n";
    foreach ($named as $name => $after) {
        echo "  $name", $after <= 10 ? '' : " after $after", "\n";
    }
    unset($kernel->container->get('service.3')->options['seen']);
    $kept = new SplObjectStorage();
    serve($kernel, $paths, 70);
}
// One line per kind and name.
preg_match_all('/message="([^:"]+)/', file_get_contents(scratch('log')), $lines);
print_r(array_count_values($lines[1]));
?>
--EXPECT--
array(0) {
}
a service
  property: Framework\Service->options
a static cache by user
  static property: Framework\Names::$snake
all requests
  property: SplObjectStorage, contents
  resource: stream
listeners
  property: Framework\Container->services
Array
(
    [Framework\\Service->options] => 1
    [Framework\\Names] => 1
    [SplObjectStorage, contents] => 1
    [stream] => 1
    [Framework\\Container->services] => 1
)
