--TEST--
force_rebuild replaces the binary; open streams still read the old file
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

$first = Velox\build(request())->wait(30);
$open = $first->open();
$second = Velox\build(request(['force_rebuild' => true]))->wait(30);
// Each build of the fake server has different bytes.
var_dump($second->cacheStatus, $first->key === $second->key, $first->sha256 === $second->sha256, $velox->count('builds_started'));
var_dump(Velox\find(request())->sha256 === $second->sha256, $second->verify(), is_file($second->path));
var_dump(hash('sha256', stream_get_contents($open)) === $first->sha256);
// The next build is a hit again.
var_dump(Velox\build(request())->wait(30)->sha256 === $second->sha256, $velox->count('builds_started'));
// A failed rebuild leaves the old binary in place.
$velox->behave(['answer' => ['kind' => 'error', 'message' => 'building plugins: no']]);
thrown(fn () => Velox\build(request(['force_rebuild' => true]))->wait(30));
var_dump(Velox\find(request())->sha256 === $second->sha256);
?>
--EXPECT--
string(4) "MISS"
bool(true)
bool(false)
int(2)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
int(2)
Pillion\BuildFailedException(300): velox server returned: building plugins: no
bool(true)
