--TEST--
The Velox plugin's cache is imported at the first start from both forms of index.json
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

$cache = scratch('state/.rr-cache/velox-binaries');
foreach (['2e/cc', 'aa/bb'] as $folder) {
    mkdir("$cache/$folder", 0755, true);
}
chmod(scratch('state'), 0700);
$elf = "\x7fELF\2\1\1" . str_repeat("\0", 9) . "\2\0\x3e\0\1\0\0\0" . str_repeat("\0", 104);
file_put_contents("$cache/2e/cc/2eccb077c71e1f91.bin", $elf);
file_put_contents("$cache/aa/bb/aabb000000000001.bin", $elf . 'more');
$entry = fn (string $path, array $config, int $more = 0) => [
    'file_path' => $path,
    'file_size' => strlen($elf) + $more,
    'created_at' => date(DATE_RFC3339),
    'expires_at' => date(DATE_RFC3339, time() + 3600),
    'accessed_at' => date(DATE_RFC3339),
    'build_config' => $config,
];
file_put_contents("$cache/index.json", json_encode(['version' => 1, 'entries' => [
    // The form that the plugin wrote: joined paths and the whole request.
    '2eccb077c71e1f91' => ['key' => '2eccb077c71e1f91'] + $entry(
        "$cache/2e/cc/2eccb077c71e1f91.bin",
        request(['request_id' => 'abc', 'force_rebuild' => false]),
    ),
    // The form in the plugin's documentation: relative paths and a flat configuration.
    'aabb000000000001' => $entry('aa/bb/aabb000000000001.bin', [
        'rr_version' => 'v2025.1.2',
        'os' => 'linux',
        'arch' => 'amd64',
        'plugins' => [['module' => 'github.com/acme/plugin', 'tag' => 'v1.0.0']],
    ], 4),
]]));

use Pillion\{Artifacts, Velox};

until(fn () => null !== Velox\find('2eccb077c71e1f91'));
$artifact = Velox\find(request());
var_dump($artifact->cacheStatus, $artifact->size, $artifact->verify(), round(($artifact->expiresAt - time()) / 100));
var_dump(Velox\build(request())->wait(30)->cacheStatus, Artifacts\find('aabb000000000001')->size, count(Artifacts\entries()));
?>
--EXPECT--
string(3) "HIT"
int(128)
bool(true)
float(36)
string(3) "HIT"
int(132)
int(2)
