--TEST--
With the cache disabled builds work, lookups miss, and cache functions report it
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['velox_cache_enabled' => 'off']);

use Pillion\{Artifacts, Velox};

$artifact = Velox\build(request())->wait(30);
var_dump($artifact->cacheStatus, $artifact->key, $artifact->verify(), is_executable($artifact->path), $artifact->filename());
var_dump($artifact->config['rr_version'], hash('sha256', stream_get_contents($artifact->open())) === $artifact->sha256);
var_dump(Velox\build(request())->wait(30)->cacheStatus, $velox->count('builds_started') + $velox->count('cache_hits'));
var_dump(Velox\find(request()), Velox\find($artifact->key), Artifacts\find($artifact->key), Velox\explain(request())['reason']);
foreach (['forget' => [$artifact->key], 'entries' => [], 'stats' => [], 'clean' => [], 'put' => [$artifact->key, $artifact->path]] as $name => $arguments) {
    thrown(fn () => "Pillion\\Artifacts\\$name"(...$arguments));
}
var_dump(Pillion\status()['artifacts'], is_dir(scratch('state/.rr-cache')));
?>
--EXPECT--
string(4) "MISS"
string(16) "2eccb077c71e1f91"
bool(true)
bool(true)
string(22) "roadrunner-linux-amd64"
string(9) "v2025.1.2"
bool(true)
string(4) "MISS"
int(2)
NULL
NULL
NULL
string(9) "cache_off"
Pillion\ConfigException(100): velox.cache.enabled is off; set it to on to use artifacts
Pillion\ConfigException(100): velox.cache.enabled is off; set it to on to use artifacts
Pillion\ConfigException(100): velox.cache.enabled is off; set it to on to use artifacts
Pillion\ConfigException(100): velox.cache.enabled is off; set it to on to use artifacts
Pillion\ConfigException(100): velox.cache.enabled is off; set it to on to use artifacts
array(1) {
  ["enabled"]=>
  bool(false)
}
bool(false)
