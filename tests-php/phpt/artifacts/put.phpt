--TEST--
put() copies a file into the cache with the given metadata
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Artifacts;

$file = a_file('rr', str_repeat('content ', 1000));
$before = microtime(true);
$artifact = Artifacts\put('00000000000000aa', $file, [
    'config' => ['os' => 'linux', 'arch' => 'amd64', 'list' => [1, 2.5, null, true, 'ü'], 'empty' => []],
    'ttl' => 90,
    'build_seconds' => 12.345,
])->wait(30);
var_dump($artifact->key, $artifact->size, $artifact->cacheStatus, $artifact->buildSeconds, $artifact->verify());
var_dump(round($artifact->expiresAt - $artifact->createdAt), $artifact->createdAt >= $before - 0.1);
var_dump(json_encode($artifact->config), $artifact->filename(), is_executable($artifact->path));
var_dump($artifact->sha256 === hash_file('sha256', $file), file_get_contents($artifact->path) === file_get_contents($file));
// put() leaves the source file alone, and later changes to it have no effect.
file_put_contents($file, 'other');
var_dump(Artifacts\find('00000000000000aa')->verify(), Artifacts\find('00000000000000aa')->cacheStatus);

// Defaults: seven days, no configuration, and the last put() wins.
$second = Artifacts\put('00000000000000aa', $file)->wait(30);
var_dump(round($second->expiresAt - $second->createdAt), $second->config, $second->buildSeconds, $second->size);
// A reader of the replaced binary has a grace period.
var_dump(Artifacts\find('00000000000000aa')->size, file_exists($artifact->path), $artifact->verify());
// Without replacement the first one wins.
$third = Artifacts\put('00000000000000aa', a_file('third', 'a third one'), ['replace' => false])->wait(30);
var_dump($third->size, Artifacts\find('00000000000000aa')->size);
// Named arguments can be in any order.
var_dump(Artifacts\put(meta: [], path: $file, key: '00000000000000ab')->wait(30)->key);
?>
--EXPECT--
string(16) "00000000000000aa"
int(8000)
string(4) "MISS"
float(12.345)
bool(true)
float(90)
bool(true)
string(74) "{"os":"linux","arch":"amd64","list":[1,2.5,null,true,"\u00fc"],"empty":[]}"
string(22) "roadrunner-linux-amd64"
bool(true)
bool(true)
bool(true)
bool(true)
string(3) "HIT"
float(604800)
array(0) {
}
float(0)
int(5)
int(5)
bool(true)
bool(true)
int(5)
int(5)
string(16) "00000000000000ab"
