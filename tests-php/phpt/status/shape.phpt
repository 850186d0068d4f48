--TEST--
status() has every field of a health page and starts nothing
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 2000]);

function shape(mixed $value): mixed
{
    return is_array($value) ? array_map(shape(...), $value) : get_debug_type($value);
}

function threads(): array
{
    return array_map(fn ($task) => trim(file_get_contents("$task/comm")), glob('/proc/self/task/*'));
}

$before = Pillion\status();
print_r(shape(array_diff_key($before, ['artifacts' => 0])));
var_dump($before['pid'] === getmypid(), $before['version'] === phpversion('pillion'), $before['mode'] === PHP_SAPI);
var_dump($before['runtime']['started'], preg_grep('/^pillion/', threads()));
var_dump($before['host']['state_dir'] === scratch('state'), $before['host']['run_dir'] === scratch('run'));
var_dump($before['velox']['server_url'] === $velox->url() . '/', $before['velox']['enabled']);

$future = Pillion\Velox\build(request(), 60);
until(fn () => 'running' === $future->state());
$during = Pillion\status();
print_r(shape($during['runtime']));
var_dump($during['runtime']['jobs'][0]['id'] === $future->id(), $during['runtime']['jobs'][0]['kind']);
var_dump(array_column($during['host']['workers'], 'pid') === [getmypid()]);
until(fn () => 1 === count(Pillion\status()['velox']['builds']));
$future->wait(30);
until(fn () => [] === Pillion\status()['runtime']['jobs']);
var_dump(Pillion\status()['velox']['builds'], [] !== preg_grep('/^pillion/', threads()));
?>
--EXPECT--
Array
(
    [version] => string
    [pid] => int
    [mode] => string
    [runtime] => Array
        (
            [started] => bool
            [threads] => int
            [jobs] => Array
                (
                )

        )

    [heap] => Array
        (
            [bytes] => int
            [allocations] => int
        )

    [host] => Array
        (
            [state_dir] => string
            [run_dir] => string
            [leader] => bool
            [workers] => Array
                (
                )

        )

    [workers] => Array
        (
        )

    [velox] => Array
        (
            [enabled] => bool
            [reason] => null
            [server_url] => string
            [builds] => Array
                (
                )

        )

    [remote] => Array
        (
            [enabled] => bool
            [reason] => null
            [url] => null
            [mode] => string
            [reading_paused] => bool
            [writing_paused] => bool
        )

    [sentry] => Array
        (
            [enabled] => bool
            [reason] => null
            [dsn] => null
            [queued] => int
        )

    [problems] => Array
        (
        )

)
bool(true)
bool(true)
bool(true)
bool(false)
array(0) {
}
bool(true)
bool(true)
bool(true)
bool(true)
Array
(
    [started] => bool
    [threads] => int
    [jobs] => Array
        (
            [0] => Array
                (
                    [id] => string
                    [kind] => string
                    [state] => string
                    [seconds] => float
                )

        )

)
bool(true)
string(11) "velox.build"
bool(true)
array(0) {
}
bool(true)
