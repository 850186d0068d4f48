--TEST--
Two configurations that differ in case only share a key and never a binary
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

$lower = request(['plugins' => [['module_name' => 'github.com/acme/plugin', 'tag' => 'v1.0.0']]]);
$upper = request(['plugins' => [['module_name' => 'github.com/Acme/Plugin', 'tag' => 'v1.0.0']]]);
var_dump(Velox\key($lower) === Velox\key($upper));

$first = Velox\build($lower)->wait(30);
var_dump(Velox\find($upper), Velox\explain($upper)['reason'], Velox\explain($upper)['stored_key'] === $first->key);
$second = Velox\build($upper)->wait(30);
var_dump($first->key === Velox\key($lower), $second->key === $first->key, $first->sha256 === $second->sha256);
foreach ([[$lower, $first], [$upper, $second]] as [$request, $artifact]) {
    var_dump(Velox\find($request)->sha256 === $artifact->sha256, Velox\build($request)->wait(30)->sha256 === $artifact->sha256);
    var_dump(Velox\find($artifact->key)->config['plugins'] === $request['plugins'], Velox\explain($request)['stored_key'] === $artifact->key);
}
var_dump($velox->count('builds_started'));
?>
--EXPECT--
bool(true)
NULL
string(19) "other_configuration"
bool(false)
bool(true)
bool(false)
bool(false)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
int(2)
