--TEST--
All subscribers of a failed flight get the same failure
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 2500]);

$code = 'thrown(fn () => Pillion\Velox\build(request_of("v5.999.999"))->wait(50));';
$started = [php_start($code)];
until(fn () => 1 === $velox->count('in_flight'));
array_push($started, php_start($code), php_start($code), php_start($code));
$future = Pillion\Velox\build(request_of('v5.999.999'));
$outputs = array_map(fn ($process) => php_end($process)['output'], $started);
var_dump(array_values(array_unique($outputs)), caught(fn () => $future->wait(30))->logs());
// An unresolved tag is requested once more.
var_dump($velox->count('build_requests'));
?>
--EXPECT--
array(1) {
  [0]=>
  string(218) "Pillion\BuildFailedException(300): velox server returned: building plugins: verifyResolvedVersions: go list -m github.com/acme/plugin: go failed: exit status 1
go: module github.com/acme/plugin: not a known dependency
"
}
string(57) "go: module github.com/acme/plugin: not a known dependency"
int(2)
