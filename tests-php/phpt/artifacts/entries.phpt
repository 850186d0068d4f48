--TEST--
entries() lists the cache page by page, in the order of keys
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Artifacts;

var_dump(Artifacts\entries());
$file = a_file('rr');
$keys = [];
for ($i = 0; $i < 25; ++$i) {
    $keys[] = $key = substr(hash('sha256', (string) $i), 0, 16);
    $futures[] = Artifacts\put($key, $file, ['config' => ['number' => $i]]);
}
foreach ($futures as $future) {
    $future->wait(30);
}
sort($keys);
$all = Artifacts\entries();
var_dump(array_column($all, 'key') === $keys, array_keys($all) === range(0, 24), $all[0]::class, $all[0]->cacheStatus);
var_dump(isset($all[7]->config['number']), $all[7]->verify());

$seen = [];
for ($after = null; $page = Artifacts\entries(10, $after); $after = end($page)->key) {
    $seen[] = count($page);
    $found = [...$found ?? [], ...array_column($page, 'key')];
}
var_dump($seen, $found === $keys);
// The key itself need not exist.
var_dump(count(Artifacts\entries(after: '0000000000000000')), Artifacts\entries(10, 'ffffffffffffffff'), count(Artifacts\entries(limit: 1)));
var_dump(count(Artifacts\entries(10_000)), count(Artifacts\entries(100, null)));
foreach ([0, -1, 10_001, PHP_INT_MAX, PHP_INT_MIN] as $limit) {
    thrown(fn () => Artifacts\entries($limit));
}
thrown(fn () => Artifacts\entries(10, 'x'));
thrown(fn () => Artifacts\entries('x'));
thrown(fn () => Artifacts\entries(10, []));
thrown(fn () => Artifacts\entries(1, null, 2));
?>
--EXPECT--
array(0) {
}
bool(true)
bool(true)
string(16) "Pillion\Artifact"
string(3) "HIT"
bool(true)
bool(true)
array(3) {
  [0]=>
  int(10)
  [1]=>
  int(10)
  [2]=>
  int(5)
}
bool(true)
int(25)
array(0) {
}
int(1)
int(25)
int(25)
ValueError(0): Pillion\Artifacts\entries(): Argument #1 ($limit) must be between 1 and 10000
ValueError(0): Pillion\Artifacts\entries(): Argument #1 ($limit) must be between 1 and 10000
ValueError(0): Pillion\Artifacts\entries(): Argument #1 ($limit) must be between 1 and 10000
ValueError(0): Pillion\Artifacts\entries(): Argument #1 ($limit) must be between 1 and 10000
ValueError(0): Pillion\Artifacts\entries(): Argument #1 ($limit) must be between 1 and 10000
ValueError(0): Pillion\Artifacts\entries(): Argument #2 ($after) must be 16 lower-case hexadecimal digits
TypeError(0): Pillion\Artifacts\entries(): Argument #1 ($limit) must be of type int, string given
TypeError(0): Pillion\Artifacts\entries(): Argument #2 ($after) must be of type ?string, array given
ArgumentCountError(0): Pillion\Artifacts\entries() expects at most 2 arguments, 3 given
