--TEST--
A binary put under a request's key with its configuration is a hit for that request
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\{Artifacts, Velox};

$put = Artifacts\put(Velox\key(request()), a_file('rr'), ['config' => request()])->wait(30);
var_dump(Velox\explain(request())['reason'], Velox\find(request())?->sha256 === $put->sha256);
echo Velox\build(request())->wait(30)->cacheStatus, "\n";
// The configuration must be the same, not only the key.
$lower = request(['plugins' => [['module_name' => 'github.com/acme/plugin', 'tag' => 'v1.0.0']]]);
$upper = request(['plugins' => [['module_name' => 'github.com/Acme/plugin', 'tag' => 'v1.0.0']]]);
Artifacts\put(Velox\key($lower), a_file('rr'), ['config' => $lower])->wait(30);
var_dump(Velox\find($lower)?->key === Velox\key($lower), Velox\find($upper));
?>
--EXPECT--
string(3) "hit"
bool(true)
HIT
bool(true)
NULL
