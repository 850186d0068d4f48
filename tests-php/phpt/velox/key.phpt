--TEST--
key() equals the Velox plugin's: order, case, blanks don't count; flags and modules do
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Velox;

$plain = Velox\key(request());
echo $plain, "\n";
$same = [
    request(['plugins' => array_reverse(request()['plugins'])]),
    request(['rr_version' => ' v2025.1.2 ']),
    request(['plugins' => array_map(fn ($plugin) => array_map(strtoupper(...), $plugin), request()['plugins'])]),
    request(['target_platform' => ['os' => 'Linux', 'arch' => 'AMD64']]),
    request(['force_rebuild' => true, 'request_id' => '123e4567-e89b-42d3-a456-426614174000']),
    request(['race' => false, 'debug' => false, 'replaces' => [], 'excludes' => []]),
];
foreach ($same as $request) {
    var_dump(Velox\key($request) === $plain);
}
$other = [
    request(['rr_version' => 'v2025.1.3']),
    request(['target_platform' => ['os' => 'linux', 'arch' => 'arm64']]),
    request(['plugins' => [request()['plugins'][0]]]),
    request(['race' => true]),
    request(['debug' => true]),
    request(['race' => true, 'debug' => true]),
    request(['replaces' => [['old' => 'a', 'new' => 'b']]]),
    request(['replaces' => [['old' => 'b', 'new' => 'a']]]),
    request(['excludes' => [['module' => 'a', 'version' => 'v1.0.0']]]),
];
$keys = array_map(Velox\key(...), $other);
var_dump(count(array_unique([$plain, ...$keys])), count(preg_grep('/^[0-9a-f]{16}$/', $keys)));
?>
--EXPECT--
2eccb077c71e1f91
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
int(10)
int(9)
