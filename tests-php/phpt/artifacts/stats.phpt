--TEST--
stats() counts entries and lookups
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(settings: ['velox_cache_max_size_mb' => 200, 'velox_cache_max_entries' => 1000]);

use Pillion\{Artifacts, Velox};

$stats = Artifacts\stats();
foreach ($stats as $name => $value) {
    echo $name, ' ', get_debug_type($value), "\n";
}
var_dump($stats['enabled'], $stats['writable'], $stats['entries'], $stats['bytes'], $stats['capacity'] >= 1000, $stats['max_bytes'] === 200 << 20);
var_dump($stats['dir'] === scratch('state/.rr-cache/velox-binaries'));
Velox\build(request())->wait(30);
$after = Artifacts\stats();
var_dump($after['entries'], $after['bytes'], $after['hits'] === $stats['hits']);
Velox\find(request());
Artifacts\find('2eccb077c71e1f91');
Artifacts\find('0000000000000000');
$last = Artifacts\stats();
var_dump($last['hits'] - $after['hits'], $last['misses'] - $after['misses'], Pillion\status()['artifacts'] == $last);
?>
--EXPECT--
enabled bool
dir string
writable bool
entries int
capacity int
bytes int
max_bytes int
hits int
misses int
evicted_expired int
evicted_lru int
index array
bool(true)
bool(true)
int(0)
int(0)
bool(true)
bool(true)
bool(true)
int(1)
int(65536)
bool(true)
int(2)
int(1)
bool(true)
