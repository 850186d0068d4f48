--TEST--
An artifact keeps its properties after its future and its binary are gone
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

use Pillion\{Artifacts, Velox};

$artifact = Velox\build(request())->wait(30);
$untouched = Velox\find(request());
Artifacts\forget($artifact->key);
var_dump($untouched->key, $untouched->size, $untouched->sha256 === $artifact->sha256, $untouched->cacheStatus);
// The configuration is stored on disk only.
var_dump($untouched->config, $untouched->filename(), $untouched->verify());

// Repeated reads don't accumulate memory.
Velox\build(request())->wait(30);
for ($round = 0; $round < 3; ++$round) {
    for ($i = 0; $i < 5_000; ++$i) {
        $found = Velox\find(request());
        $found->size;
        $found->config;
    }
    $memory[] = memory_get_usage();
    $bytes[] = Pillion\status()['heap']['bytes'];
}
var_dump($memory[2] - $memory[1] < 10_000, $bytes[2] - $bytes[1] < 10_000);
?>
--EXPECT--
string(16) "2eccb077c71e1f91"
int(65536)
bool(true)
string(3) "HIT"
array(0) {
}
string(10) "roadrunner"
bool(false)
bool(true)
bool(true)
