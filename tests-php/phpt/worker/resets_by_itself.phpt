--TEST--
A loop resets working directory, output buffers and completed() by default
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Worker;

chdir(scratch());
$home = getcwd();
ob_start(static fn (string $text): string => "outer($text)");
Worker\request_begin();
chdir('/');
echo 'text ';
ob_start(static fn (string $text): string => "inner($text)");
ob_start();
echo 'left open';
$future = Pillion\Velox\build(request(), 60);
$future->wait(30);
Worker\request_end();
var_dump(getcwd() === $home, ob_get_level(), Pillion\completed());
ob_end_flush();
echo "\n";

// Referenced futures can still be waited for, and the next request's own are returned.
Worker\request_begin();
var_dump($future->wait(0) instanceof Pillion\Artifact, Pillion\completed());
$own = Pillion\Velox\build(request(), 60);
$own->wait(30);
var_dump(Pillion\completed() === [$own]);
Worker\request_end();

// A buffer that can't be removed stays; a missing directory is harmless.
mkdir(scratch('gone'));
chdir(scratch('gone'));
Worker\request_begin();
chdir('/');
rmdir(scratch('gone'));
Worker\request_end();
var_dump(getcwd());
?>
--EXPECT--
outer(text inner(left open)bool(true)
int(1)
array(0) {
}
)
bool(true)
array(0) {
}
bool(true)
string(1) "/"
