--TEST--
put() refuses wrong keys, paths and metadata at once, and wrong files while it copies
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Artifacts;

$file = a_file('rr');
foreach (['', 'x', '00000000000000AA', '00000000000000aa0'] as $key) {
    thrown(fn () => Artifacts\put($key, $file));
}
thrown(fn () => Artifacts\put('00000000000000aa', ''));
thrown(fn () => Artifacts\put('00000000000000aa', "$file\0"));
thrown(fn () => Artifacts\put('00000000000000aa'));
thrown(fn () => Artifacts\put('00000000000000aa', $file, null));
thrown(fn () => Artifacts\put('00000000000000aa', $file, [], 1));

$meta = fn (array $meta) => thrown(fn () => Artifacts\put('00000000000000aa', $file, $meta));
$meta(['ttl' => 0, 'build_seconds' => -1, 'replace' => 1, 'config' => [1], 'size' => 7]);
$meta(['ttl' => '60', 'build_seconds' => [], 'replace' => null, 'config' => 'x']);
$meta(['ttl' => NAN]);
$meta(['ttl' => -0.5]);
$meta(['config' => ['object' => new stdClass(), 'text' => "\xff"]]);
$meta(['config']);

foreach (['missing' => scratch('nothing'), 'a directory' => scratch(), 'a device' => '/dev/zero', 'empty' => a_file('empty', '')] as $name => $path) {
    echo $name, ': ';
    thrown(fn () => Artifacts\put('00000000000000aa', $path)->wait(30));
}
// A FIFO without a writer must not block a thread forever.
exec('mkfifo ' . escapeshellarg(scratch('fifo')));
echo 'a fifo: ';
thrown(fn () => Artifacts\put('00000000000000aa', scratch('fifo'))->wait(10));
var_dump(Artifacts\find('00000000000000aa'), Artifacts\stats()['entries']);
?>
--EXPECTF--
ValueError(0): Pillion\Artifacts\put(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\put(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\put(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\put(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Artifacts\put(): Argument #2 ($path) must not be empty
ValueError(0): Pillion\Artifacts\put(): Argument #2 ($path) must not contain any null bytes
ArgumentCountError(0): Pillion\Artifacts\put() expects at least 2 arguments, 1 given
TypeError(0): Pillion\Artifacts\put(): Argument #3 ($meta) must be of type array, null given
ArgumentCountError(0): Pillion\Artifacts\put() expects at most 3 arguments, 4 given
Pillion\InvalidRequestException(200): meta.ttl: must be a number of seconds greater than 0; meta.build_seconds: must be a number of seconds; meta.replace: must be true or false; meta.config: must be an array with names as keys; meta.size: is not known; config, ttl, build_seconds and replace are
Pillion\InvalidRequestException(200): meta.ttl: must be a number of seconds greater than 0; meta.build_seconds: must be a number of seconds; meta.replace: must be true or false; meta.config: must be an array with names as keys
Pillion\InvalidRequestException(200): meta.ttl: must be a finite number
Pillion\InvalidRequestException(200): meta.ttl: must be a number of seconds greater than 0
Pillion\InvalidRequestException(200): meta.config.object: must be a scalar or an array; meta.config.text: must be valid UTF-8
Pillion\InvalidRequestException(200): meta: must be an array with names as keys, not a list
missing: Pillion\StateException(900): opening %s/nothing: No such file or directory (os error 2)
a directory: Pillion\InvalidRequestException(200): path: must be a file that is not empty
a device: Pillion\InvalidRequestException(200): path: must be a file that is not empty
empty: Pillion\InvalidRequestException(200): path: must be a file that is not empty
a fifo: Pillion\InvalidRequestException(200): path: must be a file that is not empty
NULL
int(0)
