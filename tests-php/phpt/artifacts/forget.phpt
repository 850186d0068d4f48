--TEST--
forget() removes a binary for all processes and returns whether it existed
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\{Artifacts, Velox};

var_dump(Artifacts\forget('2eccb077c71e1f91'));
$artifact = Velox\build(request())->wait(30);
var_dump(php('var_dump(Pillion\Artifacts\forget("2eccb077c71e1f91"), Pillion\Artifacts\forget("2eccb077c71e1f91"));')['output']);
var_dump(Velox\find(request()), file_exists($artifact->path), Artifacts\stats()['entries']);
// The next build is a new one.
var_dump(Velox\build(request())->wait(30)->cacheStatus, Artifacts\forget(key: '2eccb077c71e1f91'));
var_dump(glob(scratch('state/.rr-cache/velox-binaries/2e/cc/*')));
?>
--EXPECT--
bool(false)
string(23) "bool(true)
bool(false)
"
NULL
bool(false)
int(0)
string(4) "MISS"
bool(true)
array(0) {
}
