--TEST--
A transient fault of the server is retried; each permanent one has its exception
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['auth_token' => 'sesame'], ['velox_auth_token' => 'sesame', 'velox_retry_max_attempts' => 2]);

$unavailable = ['kind' => 'raw', 'status' => 503];
row($velox, 'unavailable once', ['times' => 1, 'answer' => $unavailable]);
row($velox, 'unavailable', ['answer' => $unavailable]);
$thrown = row($velox, 'refused', ['answer' => [
    'kind' => 'raw',
    'status' => 400,
    'headers' => ['Content-Type' => 'application/json'],
    'body' => json_encode(['code' => 'invalid_argument', 'message' => 'validation error: plugins[0].tag: value is required']),
]]);
echo json_encode($thrown->violations()), "\n";
$thrown = row($velox, 'not built', [], request_of('v5.999.999'));
var_dump($thrown->httpStatus(), $thrown->logs());
row($velox, 'no binary', ['answer' => ['kind' => 'build', 'file' => 'no_magic']]);

$code = 'thrown(fn () => Pillion\Velox\build(request(["race" => true]))->wait(30));';
echo php($code, ['velox_auth_token' => 'open'])['output'];
echo php($code, ['velox_server_url' => 'http://no-such-host.invalid:9000'])['output'];
?>
--EXPECTF--
unavailable once, asked 2: MISS
unavailable, asked 2: Pillion\RemoteException(700): velox server at http://%s/ answered 503: an empty body (given up after 2 attempts)
refused, asked 1: Pillion\InvalidRequestException(200): plugins[0].tag: value is required
[{"field":"plugins[0].tag","message":"value is required"}]
not built, asked 2: Pillion\BuildFailedException(300): velox server returned: building plugins: verifyResolvedVersions: go list -m github.com/acme/plugin: go failed: exit status 1
go: module github.com/acme/plugin: not a known dependency
int(500)
string(57) "go: module github.com/acme/plugin: not a known dependency"
no binary, asked 1: Pillion\RemoteException(700): velox server answered with the file %s/rr, which can't be used: it is no ELF executable for linux/amd64: it starts with 23 21 2f 62 69 6e 2f 73
Pillion\RemoteException(700): velox server at http://%s/ denied access with 401: velox.auth_token is missing or wrong (unauthenticated: missing or wrong bearer token)
Pillion\RemoteException(700): velox server at http://no-such-host.invalid:9000/ can't be reached: %s (given up after 2 attempts)
