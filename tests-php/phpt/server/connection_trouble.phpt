--TEST--
A broken connection is retried; an unreachable server is reported with its address
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

foreach ([0, 10, 100] as $at) {
    row($velox, "closed at byte $at, once", ['times' => 1, 'delivery' => ['drop_at' => $at]]);
    row($velox, "closed at byte $at", ['delivery' => ['drop_at' => $at]]);
}
row($velox, 'reset', ['delivery' => ['drop_at' => 20, 'reset' => true]]);
row($velox, 'a body too short', ['answer' => ['kind' => 'bytes'], 'delivery' => ['content_length' => 100_000]]);
echo php('
    thrown(fn () => Pillion\Velox\build(request())->wait(30));
', ['velox_server_url' => 'http://127.0.0.1:1'])['output'];
echo php('
    thrown(fn () => Pillion\Velox\build(request())->wait(30));
', ['velox_server_url' => 'http://no-such-host.invalid:9000'])['output'];
?>
--EXPECTF--
closed at byte 0, once, asked 2: MISS
closed at byte 0, asked 3: Pillion\RemoteException(700): the connection to the velox server at http://%s/ broke: %s (given up after 3 attempts)
closed at byte 10, once, asked 2: MISS
closed at byte 10, asked 3: Pillion\RemoteException(700): the connection to the velox server at http://%s/ broke: %s (given up after 3 attempts)
closed at byte 100, once, asked 2: MISS
closed at byte 100, asked 3: Pillion\RemoteException(700): the connection to the velox server at http://%s/ broke: %s (given up after 3 attempts)
reset, asked 3: Pillion\RemoteException(700): the connection to the velox server at http://%s/ broke: %s (given up after 3 attempts)
a body too short, asked 3: Pillion\RemoteException(700): velox server's answer did not arrive whole: %s (given up after 3 attempts)
Pillion\RemoteException(700): velox server at http://127.0.0.1:1/ can't be reached: %sConnection refused%s (given up after 3 attempts)
Pillion\RemoteException(700): velox server at http://no-such-host.invalid:9000/ can't be reached: %s (given up after 3 attempts)
