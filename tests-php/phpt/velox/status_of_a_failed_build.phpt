--TEST--
status() of a failed build names the error
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

$id = '123e4567-e89b-42d3-a456-426614174000';
thrown(fn () => Velox\build(request_of('v5.999.999', ['request_id' => $id]))->wait(30));
$status = Velox\status($id);
ksort($status);
echo json_encode($status, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES), "\n";
?>
--EXPECT--
Pillion\BuildFailedException(300): velox server returned: building plugins: verifyResolvedVersions: go list -m github.com/acme/plugin: go failed: exit status 1
go: module github.com/acme/plugin: not a known dependency
{
    "error": "build_failed",
    "message": "velox server returned: building plugins: verifyResolvedVersions: go list -m github.com/acme/plugin: go failed: exit status 1\ngo: module github.com/acme/plugin: not a known dependency",
    "request_id": "123e4567-e89b-42d3-a456-426614174000",
    "request_ids": [
        "123e4567-e89b-42d3-a456-426614174000"
    ],
    "state": "failed"
}
