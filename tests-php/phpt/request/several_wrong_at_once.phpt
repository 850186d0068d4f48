--TEST--
All errors of a request are reported together; no request is sent and no job begins
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

$thrown = caught(fn () => Pillion\Velox\build([
    'request_id' => 'mine',
    'rr_version' => 'latest',
    'target_platform' => ['os' => ''],
    'plugins' => [['module_name' => 'm', 'tag' => 'v1.0.0'], ['module_name' => 'm'], ['tag' => 'v1.0.0']],
    'force_rebuild' => 'no',
    'race' => 1,
    // Gaps in the indices, as array_filter() leaves them.
    'excludes' => [1 => ['module' => 'm', 'version' => 'v1.0.0']],
]));
foreach ($thrown->violations() as ['field' => $field, 'message' => $message]) {
    echo "$field | $message\n";
}
var_dump($thrown->getMessage() === implode('; ', array_map(fn ($v) => implode(': ', $v), $thrown->violations())));
var_dump($velox->count('requests'), Pillion\status()['runtime']['started']);
?>
--EXPECT--
request_id | must be a valid UUID, such as 123e4567-e89b-42d3-a456-426614174000; without one, one is made
rr_version | must be a semantic version starting with 'v' (e.g., v2025.1.0), 'master', or a git commit SHA (7-40 hex characters)
target_platform.os | must not be empty; leave it out to build for this host
plugins[1].tag | missing required field: plugins[1].tag
plugins[2].module_name | missing required field: plugins[2].module_name
excludes | must be a list with the keys 0, 1, 2 and so on; array_values() makes one
force_rebuild | must be true or false, not a string
race | must be true or false, not a number
bool(true)
int(0)
bool(false)
