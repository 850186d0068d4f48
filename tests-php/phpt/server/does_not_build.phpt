--TEST--
A failed compilation is a final BuildFailedException; only an unknown tag is asked twice
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

row($velox, 'unknown version', [], request(['rr_version' => 'v2025.9.9']));
row($velox, 'windows', [], request(['target_platform' => ['os' => 'windows', 'arch' => 'amd64']]));
$thrown = row($velox, 'unknown tag', [], request_of('v5.999.999'));
var_dump($thrown->httpStatus(), $thrown->logs());

$fails = fn (string $message) => ['answer' => ['kind' => 'error', 'message' => $message]];
row($velox, 'no logs', $fails('building plugins: x.go:1: undefined: y'));
// The message ends with the compiler's last lines, in a readable number.
$lines = implode("\n", array_map(fn (int $n) => "x.go:$n: undefined: y", range(1, 500)));
$thrown = row($velox, 'long logs', $fails("building plugins: go build: exit status 1\n--- stderr (last 8192 bytes) ---\n$lines\n"));
var_dump(str_ends_with($thrown->getMessage(), 'x.go:500: undefined: y'), strlen($thrown->getMessage()) < 6_000);
var_dump($thrown->logs() === $lines, $thrown->httpStatus());
?>
--EXPECT--
unknown version, asked 1: Pillion\BuildFailedException(300): velox server returned: downloading template: expected 3xx redirect from https://github.com/roadrunner-server/roadrunner/archive/refs/tags/v2025.9.9.zip, got 404
windows, asked 1: Pillion\BuildFailedException(300): velox server returned: building plugins: velox v3 does not support Windows targets
unknown tag, asked 2: Pillion\BuildFailedException(300): velox server returned: building plugins: verifyResolvedVersions: go list -m github.com/acme/plugin: go failed: exit status 1
go: module github.com/acme/plugin: not a known dependency
int(500)
string(57) "go: module github.com/acme/plugin: not a known dependency"
no logs, asked 1: Pillion\BuildFailedException(300): velox server returned: building plugins: x.go:1: undefined: y
long logs, asked 1: Pillion\BuildFailedException(300): velox server returned: building plugins: go build: exit status 1
x.go:481: undefined: y
x.go:482: undefined: y
x.go:483: undefined: y
x.go:484: undefined: y
x.go:485: undefined: y
x.go:486: undefined: y
x.go:487: undefined: y
x.go:488: undefined: y
x.go:489: undefined: y
x.go:490: undefined: y
x.go:491: undefined: y
x.go:492: undefined: y
x.go:493: undefined: y
x.go:494: undefined: y
x.go:495: undefined: y
x.go:496: undefined: y
x.go:497: undefined: y
x.go:498: undefined: y
x.go:499: undefined: y
x.go:500: undefined: y
bool(true)
bool(true)
bool(true)
int(500)
