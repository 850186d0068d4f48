--TEST--
A missing, truncated or altered binary is detected by open(), verify() and the next build
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

$artifact = Velox\build(request())->wait(30);
$content = file_get_contents($artifact->path);
var_dump($artifact->verify());

// Altered: the same size, one byte differs.
$tampered = $content;
$tampered[1000] = $tampered[1000] === 'x' ? 'y' : 'x';
file_put_contents($artifact->path, $tampered);
var_dump($artifact->verify(), get_resource_type($artifact->open()));

// Truncated.
file_put_contents($artifact->path, substr($content, 0, 1000));
var_dump($artifact->verify());
thrown(fn () => $artifact->open());

// Missing: find() reads the index, a build checks the file.
$artifact = Velox\build(request(['force_rebuild' => true]))->wait(30);
unlink($artifact->path);
var_dump(null === Velox\find(request()), Velox\build(request())->wait(30)->cacheStatus);
$artifact = Velox\find(request());
unlink($artifact->path);
var_dump($artifact->verify());
thrown(fn () => $artifact->open());
$again = Velox\build(request())->wait(30);
var_dump($again->cacheStatus, $again->verify(), Velox\find(request())->verify());
?>
--EXPECTF--
bool(true)
bool(false)
string(6) "stream"
bool(false)
Pillion\StateException(800): the binary of artifact 2eccb077c71e1f91 is gone: %s.bin
bool(false)
string(4) "MISS"
bool(false)
Pillion\StateException(800): the binary of artifact 2eccb077c71e1f91 is gone: %s.bin
string(4) "MISS"
bool(true)
bool(true)
