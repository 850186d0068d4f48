--TEST--
filename() is one name without a path, for any configured value
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$file = a_file('rr');
foreach (['../../etc', "a\r\nSet-Cookie: x", 'a"b', 'a b', '.', str_repeat('x', 500)] as $os) {
    $name = Pillion\Artifacts\put('00000000000000aa', $file, ['config' => ['os' => $os, 'arch' => 'amd64']])->wait(30)->filename();
    var_dump(1 === preg_match('/^roadrunner[\w.-]*$/D', $name) && !str_contains($name, '..') && strlen($name) <= 255);
}
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
