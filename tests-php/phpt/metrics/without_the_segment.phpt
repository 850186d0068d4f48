--TEST--
render() shows the process's own counts where the segment can't be opened
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\{Metrics, Sentry, Velox};

try {
    Metrics\render(1, 2);
} catch (ArgumentCountError $e) {
    echo $e->getMessage(), "\n";
}
mkdir(scratch('other'), 0700);
file_put_contents(scratch('other/metrics-v1.seg'), 'not a segment');
$ended = php('
    for ($i = 0; $i < 3; ++$i) {
        Pillion\Velox\find(request());
        preg_match("/^velox_cache_misses_total .*$/m", Pillion\Metrics\render(), $line);
    }
    echo $line[0], "\n";
', ['run_dir' => scratch('other')]);
echo $ended['output'], $ended['errors'];
preg_match_all('/WARN .*metrics.*/', file_get_contents(scratch('log')), $lines);
echo implode("\n", $lines[0]), "\n", file_get_contents(scratch('other/metrics-v1.seg')), "\n";
?>
--EXPECTF--
Pillion\Metrics\render() expects at most 1 argument, 2 given
velox_cache_misses_total 3
WARN %smetrics not shared with other processes%S
not a segment
