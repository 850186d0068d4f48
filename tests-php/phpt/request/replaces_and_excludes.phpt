--TEST--
replaces have an old and a new, excludes a module and a version
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$wrong = fn (string $field, mixed $value) => thrown(fn () => Pillion\Velox\key(request([$field => $value])));
$wrong('replaces', 'x');
$wrong('replaces', [[], ['old' => 'a'], ['new' => 'b'], ['old' => 1, 'new' => ''], 'x']);
$wrong('excludes', ['module' => 'a', 'version' => 'v1.0.0']);
$wrong('excludes', [[], ['module' => 'a'], ['version' => 'b'], ['module' => [], 'version' => false]]);
$right = request([
    'replaces' => [['old' => 'github.com/a/b', 'new' => '../b']],
    'excludes' => [['module' => 'github.com/c/d', 'version' => 'v1.0.0']],
]);
var_dump(strlen(Pillion\Velox\key($right)));
// An empty list equals an absent field.
var_dump(Pillion\Velox\key(request(['replaces' => [], 'excludes' => null])));
?>
--EXPECT--
Pillion\InvalidRequestException(200): replaces: must be a list, not a string
Pillion\InvalidRequestException(200): replaces[0].new: missing required field: replaces[0].new; replaces[0].old: missing required field: replaces[0].old; replaces[1].new: missing required field: replaces[1].new; replaces[2].old: missing required field: replaces[2].old; replaces[3].new: missing required field: replaces[3].new; replaces[3].old: must be a string, not a number; replaces[4]: must be an object, not a string
Pillion\InvalidRequestException(200): excludes: must be a list, not an object
Pillion\InvalidRequestException(200): excludes[0].module: missing required field: excludes[0].module; excludes[0].version: missing required field: excludes[0].version; excludes[1].version: missing required field: excludes[1].version; excludes[2].module: missing required field: excludes[2].module; excludes[3].module: must be a string, not a list; excludes[3].version: must be a string, not a boolean
int(16)
string(16) "2eccb077c71e1f91"
