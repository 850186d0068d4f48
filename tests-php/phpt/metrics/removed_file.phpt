--TEST--
A process that only counts goes on in a new file when that of the metrics was removed
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Metrics;

$file = ini_get('pillion.run_dir') . '/application-metrics-v1.seg';
Metrics\increment('orders_total');
var_dump(is_file($file));
remove(ini_get('pillion.run_dir'));
until(function () use ($file): bool {
    Metrics\increment('orders_total');

    return is_file($file);
});
// Another process has the number since then.
$ended = php('preg_match("/^orders_total .*$/m", Pillion\Metrics\render(), $line); echo $line[0], "\n";');
echo $ended['output'];
?>
--EXPECT--
bool(true)
orders_total 1
