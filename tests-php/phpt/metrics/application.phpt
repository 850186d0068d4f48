--TEST--
The application's metrics are summed over processes, killed ones too; invalid calls throw
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['metrics_collect' => 'jobs_total type=counter labels=queue/kind']);

use Pillion\Metrics;

function page(): void
{
    $own = explode("pillion_log_lines_dropped_total 0\n", Metrics\render())[1];
    echo preg_replace('/^calls_total\{long="ä{300}",n="\d+"\} 10\n/mu', '', $own);
}

Metrics\register('seconds', 'histogram', "Time of a \"job\".\n", ['kind'], [1, 2.5]);
Metrics\register('size', 'summary', 'Size.');
Metrics\increment('jobs_total', ['mail', 'x"y']);
for ($i = 0; $i < 3; ++$i) {
    Metrics\increment('jobs_total', ['kind' => 'x"y', 'queue' => 'mail'], 0.5);
    Metrics\observe('seconds', 1 + $i, ['kind' => 7]);
    Metrics\gauge('load', 1.5);
}
Metrics\increment('load', [], -1);
php('
    use Pillion\Metrics;
    for ($i = 0; $i < 1000; ++$i) {
        Metrics\increment("jobs_total", ["queue" => "mail", "kind" => "x\"y"]);
        Metrics\increment("calls_total", ["n" => $i % 100, "long" => str_repeat("ä", 300)]);
    }
    posix_kill(getmypid(), SIGKILL);
');
page();
echo Metrics\content_type('application/openmetrics-text'), "\n", strstr(Metrics\render('application/openmetrics-text'), '# TYPE size'), "\n";
echo json_encode(Metrics\families()[4]), "\n";
foreach ([
    fn () => Metrics\increment('a b'),
    fn () => Metrics\increment('velox_builds_total'),
    fn () => Metrics\increment('jobs_total', ['queue' => 'mail']),
    fn () => Metrics\increment('jobs_total', ['queue' => 'mail', 'kind' => 1.5]),
    fn () => Metrics\increment('other_total', ['mail']),
    fn () => Metrics\increment('jobs_total', ['a', 'b'], -1),
    fn () => Metrics\increment('jobs_total', ['a', 'b'], NAN),
    fn () => Metrics\increment('seconds', [1]),
    fn () => Metrics\gauge('jobs_total', 1, ['a', 'b']),
    fn () => Metrics\observe('load', 1),
    fn () => Metrics\register('x', 'timer'),
    fn () => Metrics\register('x', 'histogram', '', [], [2, 1]),
    fn () => Metrics\register('x', 'gauge', '', ['a', 1]),
] as $call) {
    try {
        $call();
        echo "no exception\n";
    } catch (ValueError | TypeError $e) {
        echo $e::class, ': ', $e->getMessage(), "\n";
    }
}
Metrics\clear();
Metrics\increment('load', [], 2);
page();
?>
--EXPECT--
# TYPE calls_total counter
# TYPE jobs_total counter
jobs_total{queue="mail",kind="x\"y"} 1002.5
# TYPE load gauge
load 0.5
# HELP seconds Time of a "job".\n
# TYPE seconds histogram
seconds_bucket{kind="7",le="1"} 1
seconds_bucket{kind="7",le="2.5"} 2
seconds_bucket{kind="7",le="+Inf"} 3
seconds_sum{kind="7"} 6
seconds_count{kind="7"} 3
# HELP size Size.
# TYPE size summary
size_sum 0
size_count 0
application/openmetrics-text; version=1.0.0; charset=utf-8
# TYPE size summary
size_sum 0
size_count 0
# EOF

{"name":"size","type":"summary","help":"Size.","samples":[{"labels":[],"sum":0,"count":0}]}
ValueError: Pillion\Metrics\increment(): Argument #1 ($name) must be a name of at most 200 letters, digits, _ and :, without a digit at its start
ValueError: Pillion\Metrics\increment(): Argument #1 ($name) must not be the name of a metric of the extension
ValueError: Pillion\Metrics\increment(): Argument #2 ($labels) must have the labels queue, kind
ValueError: Pillion\Metrics\increment(): Argument #2 ($labels) must have values of type string or int only
ValueError: Pillion\Metrics\increment(): Argument #2 ($labels) must have a name for each label that is not registered
ValueError: Pillion\Metrics\increment(): Argument #3 ($by) must not be negative for a counter
ValueError: Pillion\Metrics\increment(): Argument #3 ($by) must be finite
ValueError: Pillion\Metrics\increment(): Argument #1 ($name) must be the name of a counter or a gauge, seconds is a histogram
ValueError: Pillion\Metrics\gauge(): Argument #1 ($name) must be the name of a gauge, jobs_total is a counter
ValueError: Pillion\Metrics\observe(): Argument #1 ($name) must be the name of a histogram or a summary, load is a gauge
ValueError: Pillion\Metrics\register(): Argument #2 ($type) must be one of counter, gauge, histogram, summary
ValueError: Pillion\Metrics\register(): Argument #1 ($name) must have finite buckets in ascending order
TypeError: Pillion\Metrics\register(): Argument #4 ($labels) must contain only names of labels, int given
# TYPE load gauge
load 2
