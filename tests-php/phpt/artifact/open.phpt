--TEST--
open() returns a readable stream of the binary
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['size' => 300_000]);

use Pillion\{Artifacts, Velox};

$artifact = Velox\build(request())->wait(30);
$stream = $artifact->open();
var_dump(get_resource_type($stream), fstat($stream)['size'], ftell($stream), feof($stream));
var_dump(hash('sha256', stream_get_contents($stream)) === $artifact->sha256, feof($stream));
var_dump(fseek($stream, 1), fread($stream, 3), rewind($stream), substr(fread($stream, 4), 1));
var_dump(@fwrite($stream, 'x'), $artifact->verify());
$copy = fopen('php://memory', 'w+');
rewind($stream);
var_dump(stream_copy_to_stream($stream, $copy), $artifact->open() !== $stream);
// An open stream can be read to its end.
$second = $artifact->open();
Artifacts\forget($artifact->key);
var_dump(hash('sha256', stream_get_contents($second)) === $artifact->sha256, file_exists($artifact->path));
fclose($stream);
unset($second);
thrown(fn () => $artifact->open());
thrown(fn () => $artifact->open('r'));
?>
--EXPECTF--
string(6) "stream"
int(300000)
int(0)
bool(false)
bool(true)
bool(true)
int(0)
string(3) "ELF"
bool(true)
string(3) "ELF"
bool(false)
bool(true)
int(300000)
bool(true)
bool(true)
bool(false)
Pillion\StateException(800): the binary of artifact 2eccb077c71e1f91 is gone: %s.bin
ArgumentCountError(0): Pillion\Artifact::open() expects exactly 0 arguments, 1 given
