--TEST--
A wrong or missing token is reported as such; the correct one is sent
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['auth_token' => 'sesame']);

foreach (['', 'wrong', 'sesame'] as $token) {
    echo php('
        try {
            echo Pillion\Velox\build(request())->wait(30)->cacheStatus, "\n";
        } catch (Pillion\Exception $e) {
            echo $e::class, ": ", $e->getMessage(), "\n";
        }
    ', ['velox_auth_token' => $token])['output'];
    var_dump($velox->lastRequest()['headers']['authorization'] ?? null);
}
$velox->set(['auth_token' => '']);
$velox->behave(['answer' => ['kind' => 'raw', 'status' => 403]]);
thrown(fn () => Pillion\Velox\build(request(['race' => true]))->wait(30));
?>
--EXPECTF--
Pillion\RemoteException: velox server at http://%s/ denied access with 401: velox.auth_token is missing or wrong (unauthenticated: missing or wrong bearer token)
NULL
Pillion\RemoteException: velox server at http://%s/ denied access with 401: velox.auth_token is missing or wrong (unauthenticated: missing or wrong bearer token)
string(12) "Bearer wrong"
MISS
string(13) "Bearer sesame"
Pillion\RemoteException(700): velox server at http://%s/ denied access with 403: velox.auth_token is missing or wrong (an empty body)
