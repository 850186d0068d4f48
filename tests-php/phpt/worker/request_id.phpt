--TEST--
request_id() is the valid id of the request, or else a generated one
--ENV--
HTTP_X_REQUEST_ID=
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Worker;

$id = Worker\request_id();
var_dump(preg_match('/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/', $id), Worker\request_id() === $id);
var_dump(abs(hexdec(substr(str_replace('-', '', $id), 0, 12)) / 1000 - microtime(true)) < 60);

// On the command line PHP puts the environment into $_SERVER.
$trace = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
foreach ([
    'a good one' => ['abc-123', ''],
    'a bad one and a trace' => ["a b\n", $trace],
    'a bad trace' => ['', strtoupper($trace)],
] as $what => [$header, $traceparent]) {
    putenv("HTTP_X_REQUEST_ID=$header");
    putenv("HTTP_TRACEPARENT=$traceparent");
    $found = php('echo Pillion\Worker\request_id();')['output'];
    echo $what, ': ', preg_match('/^[0-9a-f-]{36}$/', $found) ? 'made' : $found, "\n";
}
?>
--EXPECT--
int(1)
bool(true)
bool(true)
a good one: abc-123
a bad one and a trace: 4bf92f3577b34da6a3ce929d0e0e4736
a bad trace: made
