--TEST--
An unusable cache directory fails no build; calls that need the cache report it
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

// These fail for the superuser too: a directory below a file, and a read-only file system.
a_file('a-file');
foreach ([scratch('a-file/cache'), '/proc/sys/pillion-cache'] as $dir) {
    $ended = php('
        use Pillion\{Artifacts, Velox};
        $artifact = Velox\build(request(["force_rebuild" => true]))->wait(30);
        var_dump($artifact->cacheStatus, $artifact->verify(), is_executable($artifact->path), str_starts_with($artifact->path, scratch("state")));
        foreach ([
            fn () => Velox\find(request()),
            fn () => Artifacts\entries(),
            fn () => Artifacts\put($artifact->key, $artifact->path)->wait(30),
        ] as $call) {
            $thrown = caught($call);
            var_dump($thrown::class, $thrown->getCode(), str_contains($thrown->getMessage(), ini_get("pillion.velox_cache_dir")));
        }
        var_dump(Pillion\status()["artifacts"]["enabled"], Velox\explain(request())["reason"]);
    ', ['velox_cache_dir' => $dir]);
    echo $ended['output'], $ended['errors'];
}
?>
--EXPECT--
string(4) "MISS"
bool(true)
bool(true)
bool(true)
string(22) "Pillion\StateException"
int(900)
bool(true)
string(22) "Pillion\StateException"
int(900)
bool(true)
string(22) "Pillion\StateException"
int(900)
bool(true)
bool(false)
string(9) "cache_off"
string(4) "MISS"
bool(true)
bool(true)
bool(true)
string(22) "Pillion\StateException"
int(900)
bool(true)
string(22) "Pillion\StateException"
int(900)
bool(true)
string(22) "Pillion\StateException"
int(900)
bool(true)
bool(false)
string(9) "cache_off"
