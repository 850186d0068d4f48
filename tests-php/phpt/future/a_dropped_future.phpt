--TEST--
A dropped future does not stop its build, and the binary is in the cache
--FILE--
<?php
require __DIR__ . '/../lib.inc';
// Without log lines, which use memory while their writer is busy.
$velox = with_velox(['delay_ms' => 200], ['log_level' => 'off']);

use Pillion\Velox;

Velox\build(request());
until(fn () => null !== Velox\find(request()));
var_dump($velox->count('builds_finished'), Pillion\completed());

// Neither futures nor results accumulate.
until(fn () => [] === Pillion\status()['runtime']['jobs']);
for ($round = 0; $round < 3; ++$round) {
    for ($i = 0; $i < 2_000; ++$i) {
        Velox\build(request());
    }
    Pillion\completed();
    $bytes[] = Pillion\status()['heap']['bytes'];
    $memory[] = memory_get_usage();
}
var_dump($bytes[2] - $bytes[1] < 20_000, $memory[2] - $memory[1] < 20_000);
?>
--EXPECT--
int(1)
array(0) {
}
bool(true)
bool(true)
