--TEST--
render() returns valid lines with the counts of all processes, killed ones too
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

use Pillion\{Metrics, Velox};

/** Parses each line, and returns the samples by name and labels. */
function samples(string $page): array
{
    $name = '[a-z_:][a-z0-9_:]*';
    $label = $name . '="(?:[^"\\\\\n]|\\\\["\\\\n])*"';
    [$types, $samples] = [[], []];
    foreach (explode("\n", substr($page, 0, -1)) as $line) {
        if (preg_match("/^# HELP ($name) (\\S.*)$/", $line, $found)) {
            $help = $found[1];
        } elseif (preg_match("/^# TYPE ($name) (counter|gauge|histogram)$/", $line, $found)) {
            $help === $found[1] && !isset($types[$help]) || print("second or misplaced TYPE: $line\n");
            $types[$help] = $found[2];
        } elseif (preg_match("/^($name)(\\{{$label}(?:,$label)*\\})? ([0-9.e+-]+)$/", $line, $found)) {
            [, $series, $labels, $number] = $found;
            $suffix = 'histogram' === $types[$help] ? '(_bucket|_sum|_count)' : '';
            preg_match("/^$help$suffix$/", $series) || print("outside of its family: $line\n");
            ('counter' === $types[$help]) === str_ends_with($help, '_total') || print("wrong suffix: $line\n");
            isset($samples[$series . $labels]) && print("twice: $line\n");
            $samples[$series . $labels] = (float) $number;
        } else {
            echo "not valid: $line\n";
        }
    }
    str_ends_with($page, "\n") || print("no newline at the end\n");

    return $samples;
}

$before = samples(Metrics\render());
var_dump(count($before) > 500, array_sum(array_filter($before, fn ($name) => str_contains($name, '_total'), ARRAY_FILTER_USE_KEY)));
var_dump($before['pillion_info{version="' . phpversion('pillion') . '"}']);
var_dump($before['php_info{version="' . PHP_VERSION . '",sapi="cli"}']);

Velox\find(request());
Velox\build(request())->wait(30);
// Another process, which never ends by itself.
php('
    for ($i = 0; $i < 1000; ++$i) {
        Pillion\Velox\find(request());
    }
    caught(fn () => Pillion\Velox\build([]));
    for ($i = 0; $i < 3; ++$i) {
        Pillion\Worker\request_begin();
        Pillion\Worker\request_end();
    }
    posix_kill(getmypid(), SIGKILL);
');
$after = samples(Metrics\render());
foreach ([
    'velox_cache_misses_total',
    'velox_cache_hits_total',
    'velox_builds_total{status="success",cache_status="miss"}',
    'velox_errors_total{type="validation"}',
    'velox_build_duration_seconds_count{os="linux",arch="amd64"}',
    'velox_build_duration_seconds_bucket{os="linux",arch="amd64",le="+Inf"}',
    'velox_binary_size_bytes_bucket{os="linux",arch="amd64",le="1.048576e+07"}',
    'velox_binary_size_bytes_sum{os="linux",arch="amd64"}',
    'velox_cache_entries_count',
    'velox_builds_active',
    'sentry_events_accepted_total',
    'pillion_worker_request_duration_seconds_count',
    'pillion_workers{mode="cli",state="idle"}',
] as $name) {
    echo $name, ' ', $after[$name], "\n";
}
var_dump(array_keys(array_diff_key($before, $after)), fileperms(scratch('run/metrics-v1.seg')) & 0777);
?>
--EXPECT--
bool(true)
float(0)
float(1)
float(1)
velox_cache_misses_total 2
velox_cache_hits_total 1000
velox_builds_total{status="success",cache_status="miss"} 1
velox_errors_total{type="validation"} 1
velox_build_duration_seconds_count{os="linux",arch="amd64"} 1
velox_build_duration_seconds_bucket{os="linux",arch="amd64",le="+Inf"} 1
velox_binary_size_bytes_bucket{os="linux",arch="amd64",le="1.048576e+07"} 1
velox_binary_size_bytes_sum{os="linux",arch="amd64"} 65536
velox_cache_entries_count 1
velox_builds_active 0
sentry_events_accepted_total 0
pillion_worker_request_duration_seconds_count 3
pillion_workers{mode="cli",state="idle"} 0
array(0) {
}
int(384)
