--TEST--
velox.max_concurrent_builds limits the host; the lowest value of a live process applies
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 300], ['velox_max_concurrent_builds' => 2]);

$started = [];
for ($i = 0; $i < 6; ++$i) {
    $started[] = php_start("echo Pillion\\Velox\\build(request_of('v1.0.$i'))->wait(50)->cacheStatus;", ['velox_max_concurrent_builds' => 0 === $i ? 2 : 5]);
    0 === $i && until(fn () => 1 <= count(Pillion\status()['host']['workers']));
}
$future = Pillion\Velox\build(request());
var_dump(array_map(fn ($process) => php_end($process)['output'], $started) === array_fill(0, 6, 'MISS'), $future->wait(30)->cacheStatus);
var_dump($velox->count('builds_started'), $velox->count('max_in_flight') <= 2);
?>
--EXPECT--
bool(true)
string(4) "MISS"
int(7)
bool(true)
