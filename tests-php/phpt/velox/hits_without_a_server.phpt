--TEST--
Hits need no server; a miss reports that it is unreachable or not set
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

Pillion\Velox\build(request())->wait(30);
$code = '
    use Pillion\Velox;
    echo Velox\find(request())->key, " ", Velox\build(request())->wait(30)->cacheStatus, " ", Velox\key(request()), "\n";
    thrown(fn () => Velox\build(request_of("v1.0.0"))->wait(30));
    thrown(fn () => Velox\build(request(["force_rebuild" => true]))->wait(30));
    echo Velox\find(request())->cacheStatus, "\n";
';
echo "down\n", php($code, ['velox_server_url' => 'http://127.0.0.1:1'])['output'];
echo "not set\n", php($code, ['velox_server_url' => ''])['output'];
?>
--EXPECTF--
down
2eccb077c71e1f91 HIT 2eccb077c71e1f91
Pillion\RemoteException(700): velox server at http://127.0.0.1:1/ can't be reached: %s (given up after 3 attempts)
Pillion\RemoteException(700): velox server at http://127.0.0.1:1/ can't be reached: %s (given up after 3 attempts)
HIT
not set
2eccb077c71e1f91 HIT 2eccb077c71e1f91
Pillion\ConfigException(100): velox.server_url is not set; set it to the URL of a Velox build server
Pillion\ConfigException(100): velox.server_url is not set; set it to the URL of a Velox build server
HIT
