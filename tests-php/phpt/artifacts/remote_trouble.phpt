--TEST--
A gateway that is down, silent or wrong costs a build no more than remote_timeout, and once
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();
require __DIR__ . '/gateway.inc';

// Accepts connections, and answers nothing.
$listener = stream_socket_server('tcp://127.0.0.1:0');
$silent = 'http://' . stream_socket_get_name($listener, false);
// A port without a listener.
$down = stream_socket_server('tcp://127.0.0.1:0');
$address = 'http://' . stream_socket_get_name($down, false);
fclose($down);

$builds = '
    foreach (["v1.0.0", "v1.0.1", "v1.0.2", "v1.0.3"] as $tag) {
        $built = Pillion\Velox\build(request_of($tag))->wait(30);
    }
    preg_match_all("/^pillion_remote_pulls_total\{result=\"(\w+)\"\} ([1-9]\d*)$/m", Pillion\Metrics\render(), $found);
    echo $built->cacheStatus, " ", json_encode(array_combine($found[1], array_map(intval(...), $found[2]))), "\n";
    try {
        Pillion\Artifacts\pull("00000000000000aa")->wait(30);
    } catch (Pillion\Exception $exception) {
        echo get_class($exception), " ", $exception->getCode(), "\n";
    }
';
foreach (['silent' => $silent, 'down' => $address, 'wrong' => $velox->url()] as $name => $url) {
    $ended = php($builds, [
        'remote_url' => $url,
        'remote_timeout' => '1500ms',
        'state_dir' => scratch("$name-state"),
        'run_dir' => scratch("$name-run"),
    ]);
    echo "$name: ", $ended['output'], $ended['errors'];
}

// A token that may only read, or that is unknown: builds go on.
foreach (['read', 'unknown-token'] as $at => $token) {
    $ended = php('
        $built = Pillion\Velox\build(request())->wait(30);
        until(fn () => Pillion\status()["remote"]["writing_paused"]);
        echo $built->cacheStatus, " ", Pillion\status()["remote"]["reading_paused"] ? "paused" : "asked", "\n";
        try {
            Pillion\Artifacts\push($built->key)->wait(30);
        } catch (Pillion\Exception $exception) {
            echo get_class($exception), " ", $exception->getCode(), "\n";
        }
    ', [
        'remote_url' => gateway(),
        'remote_token' => $token,
        'state_dir' => scratch("state-$at"),
        'run_dir' => scratch("run-$at"),
    ]);
    echo "$token: ", $ended['output'], $ended['errors'];
}
echo str_contains((string) file_get_contents(scratch('log')), 'unknown-token') ? 'the log has the token' : 'no token in the log', "\n";

// A damaged binary in the gateway is not used.
$url = gateway();
$context = stream_context_create(['http' => [
    'method' => 'PUT',
    'header' => ['Authorization: Bearer trusted', 'Content-Type: application/octet-stream'],
    'content' => '#!/bin/sh echo poison',
]]);
file_get_contents("$url/v1/proxy/blob/binary-2eccb077c71e1f91", false, $context);
$ended = php('
    echo Pillion\Velox\build(request())->wait(30)->cacheStatus, "\n";
    var_dump(Pillion\Artifacts\pull("2eccb077c71e1f92")->wait(30));
    preg_match("/^pillion_remote_pulls_total\{result=\"refused\"\} (\d+)$/m", Pillion\Metrics\render(), $found);
    echo "refused: $found[1]\n";
', ['remote_url' => $url, 'remote_token' => 'trusted', 'state_dir' => scratch('poison-state'), 'run_dir' => scratch('poison-run')]);
echo $ended['output'], $ended['errors'];
?>
--EXPECT--
silent: MISS {"error":1,"paused":3}
Pillion\RemoteException 700
down: MISS {"error":1,"paused":3}
Pillion\RemoteException 700
wrong: MISS {"error":1,"paused":3}
Pillion\RemoteException 700
read: MISS asked
Pillion\RemoteException 700
unknown-token: MISS paused
Pillion\RemoteException 700
no token in the log
MISS
NULL
refused: 1
