--TEST--
Each plugin has a module_name and a tag, and each invalid plugin is reported
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$wrong = fn (mixed $plugins) => thrown(fn () => Pillion\Velox\key(request(['plugins' => $plugins])));
$wrong(null);
$wrong([]);
$wrong('http');
$wrong(['http' => ['module_name' => 'm', 'tag' => 'v1.0.0']]);
// Gaps in the indices, as array_filter() leaves them.
$wrong([1 => ['module_name' => 'm', 'tag' => 'v1.0.0']]);
$wrong([['module_name' => 'm', 'tag' => 'v1.0.0'], 5, 'http', [], ['module_name' => 'm']]);
$wrong([['module_name' => ' ', 'tag' => '']]);
$wrong([['module_name' => ['m'], 'tag' => 5]]);
$wrong([['module_name' => "m\n", 'tag' => "v1\x7f.0.0"]]);
$wrong([['module_name' => "m\xc3", 'tag' => "v1.0.0"]]);
$wrong([['module_name' => str_repeat('m', 5000), 'tag' => 'v1.0.0']]);
$wrong(array_fill(0, 1001, ['module_name' => 'm', 'tag' => 'v1.0.0']));
echo Pillion\Velox\key(request(['plugins' => array_fill(0, 1000, ['module_name' => 'm', 'tag' => 'v1.0.0'])])), "\n";
?>
--EXPECTF--
Pillion\InvalidRequestException(200): plugins: missing required field: plugins
Pillion\InvalidRequestException(200): plugins: missing required field: plugins
Pillion\InvalidRequestException(200): plugins: must be a list, not a string
Pillion\InvalidRequestException(200): plugins: must be a list, not an object
Pillion\InvalidRequestException(200): plugins: must be a list with the keys 0, 1, 2 and so on; array_values() makes one
Pillion\InvalidRequestException(200): plugins[1]: must be an object, not a number; plugins[2]: must be an object, not a string; plugins[3].module_name: missing required field: plugins[3].module_name; plugins[3].tag: missing required field: plugins[3].tag; plugins[4].tag: missing required field: plugins[4].tag
Pillion\InvalidRequestException(200): plugins[0].module_name: missing required field: plugins[0].module_name; plugins[0].tag: missing required field: plugins[0].tag
Pillion\InvalidRequestException(200): plugins[0].module_name: must be a string, not a list; plugins[0].tag: must be a string, not a number
Pillion\InvalidRequestException(200): plugins[0].tag: must not contain control characters
Pillion\InvalidRequestException(200): plugins[0].module_name: must be valid UTF-8
Pillion\InvalidRequestException(200): plugins[0].module_name: must be at most 4096 bytes long, and is 5000
Pillion\InvalidRequestException(200): plugins: must have at most 1000 entries, and has 1001
%x
