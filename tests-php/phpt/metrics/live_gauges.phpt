--TEST--
Gauges of a process: the page has the living ones, and none of a killed process
--SKIPIF--
<?php extension_loaded('pcntl') || die('skip pcntl is needed'); ?>
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['metrics_collect' => 'jobs type=gauge labels=queue mode=liveall']);

use Pillion\Metrics;

function lines(): string
{
    preg_match_all('/^(?:jobs|memory|peak).*$/m', Metrics\render(), $found);

    return str_replace([(string) getmypid(), (string) ($GLOBALS['child'] ?? 'none')], ['PARENT', 'CHILD'], implode("\n", $found[0])) . "\n";
}

Metrics\register('memory', 'gauge', mode: 'livesum');
Metrics\register('peak', 'gauge', mode: 'livemax');
echo 'before: ', trim(lines()), "\n";
$set = static function (int $value): void {
    Metrics\gauge('jobs', $value, ['queue' => 'a']);
    Metrics\gauge('memory', $value);
    Metrics\increment('memory', by: 0.5);
    Metrics\gauge('peak', $value);
};
$set(1);
[$ours, $theirs] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
if (($child = pcntl_fork()) === 0) {
    $set(10);
    fwrite($theirs, "\n");
    sleep(20);
}
fgets($ours);
echo lines();
exec("kill -9 {$child}");
pcntl_waitpid($child, $status);
echo lines();
try {
    Metrics\register('x', 'gauge', mode: 'dead');
} catch (ValueError $error) {
    echo $error->getMessage(), "\n";
}
try {
    Metrics\register('x', 'counter', mode: 'livesum');
} catch (ValueError $error) {
    echo $error->getMessage(), "\n";
}
?>
--EXPECT--
before: 
jobs{queue="a",pid="PARENT"} 1
jobs{queue="a",pid="CHILD"} 10
memory 12
peak 10
jobs{queue="a",pid="PARENT"} 1
memory 1.5
peak 1
Pillion\Metrics\register(): Argument #6 ($mode) must be one of mostrecent, livesum, liveall, livemax, livemin
Pillion\Metrics\register(): Argument #1 ($name) must have a mode only if it is a gauge
