--TEST--
status()['workers'] lists all live workers of the host, from any of them
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log_level' => 'error']);

use Pillion\Worker;

/** A worker that has served some requests and runs until its input ends. */
$code = '
    for ($number = 0; $number < (int) $argv[1]; $number++) {
        Pillion\Worker\request_begin();
        Pillion\Worker\request_end();
    }
    if ($argv[2] ?? false) {
        Pillion\Worker\request_begin();
    }
    echo getmypid(), "\n";
    fgets(STDIN);
';
$workers = fn (): array => array_column(Pillion\status()['workers'], null, 'pid');
$start = function (int $requests, string $more = '') use ($code): array {
    $file = scratch(uniqid() . '.php');
    file_put_contents($file, '<?php ' . $code);
    $settings = [];
    foreach (['state_dir', 'run_dir', 'log', 'log_level'] as $name) {
        $settings[$name] = ini_get("pillion.$name");
    }
    $command = 'exec ' . command($settings, []) . " $file $requests $more";
    $process = proc_open($command, [['pipe', 'r'], ['pipe', 'w']], $pipes);

    return [(int) fgets($pipes[1]), $process, $pipes];
};

var_dump($workers());
[$one, $first, $pipes] = $start(3);
[$two, $second, $others] = $start(70, 'busy');
$seen = $workers();
var_dump(array_keys($seen) == [min($one, $two), max($one, $two)], $seen[$one]['requests'], $seen[$two]['requests']);
var_dump($seen[$one]['thread'] === $one, $seen[$one]['mode'], $seen[$one]['busy'], is_float($seen[$one]['idle']), is_float($seen[$two]['busy']), $seen[$two]['idle']);
var_dump($seen[$one]['request'], $seen[$two]['request']['method'], str_ends_with($seen[$two]['request']['uri'], '.php'));
var_dump($seen[$one]['memory'] > 100_000, $seen[$two]['durations']['p99'] >= $seen[$two]['durations']['p50']);

// This process is a worker from its first request on, and so is a forked child.
Worker\request_begin();
Worker\request_end();
var_dump(count($workers()), $workers()[getmypid()]['requests']);
$parent = getmypid();
$child = pcntl_fork();
if ($child === 0) {
    Worker\request_begin();
    Worker\request_end();
    Worker\request_begin();
    Worker\request_end();
    $seen = array_column(Pillion\status()['workers'], 'requests', 'pid');
    file_put_contents(scratch('child'), json_encode([count($seen), $seen[getmypid()], $seen[$parent]]));
    exec('kill -9 ' . getmypid());
}
pcntl_waitpid($child, $status);
echo file_get_contents(scratch('child')), "\n";
Worker\request_begin();
Worker\request_end();
var_dump(count($workers()), $workers()[getmypid()]['requests'], isset($workers()[$child]));

// One is killed, one ends regularly.
proc_terminate($second, 9);
proc_close($second);
var_dump(array_keys($workers()) == [min($one, getmypid()), max($one, getmypid())]);
fclose($pipes[0]);
proc_close($first);
var_dump(array_keys($workers()) === [getmypid()]);
var_dump(count(glob(scratch('run') . '/presence/*.json')));
?>
--EXPECT--
array(0) {
}
bool(true)
int(3)
int(70)
bool(true)
string(3) "cli"
NULL
bool(true)
bool(true)
NULL
NULL
string(0) ""
bool(true)
bool(true)
bool(true)
int(3)
int(1)
[4,2,1]
int(3)
int(2)
bool(false)
bool(true)
bool(true)
int(1)
