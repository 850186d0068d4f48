--TEST--
A silent server holds a build until its timeout and no longer
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['velox_build_timeout' => '1s', 'velox_request_timeout' => '100ms']);
$velox->behave(['answer' => ['kind' => 'hang']]);

use Pillion\Velox;

// The shorter of the build's timeout and the caller's timeout applies.
thrown(fn () => Velox\build(request())->wait(30));
$future = Velox\build(request(), 0.3);
thrown(fn () => $future->wait(30));
var_dump($future->state(), $future->cancel());
until(fn () => 0 === $velox->count('in_flight'));

// A response that stalls in its body is a timeout too.
$long = ['kind' => 'build', 'logs_bytes' => 100_000];
row($velox, 'stalls', ['times' => 1, 'answer' => $long, 'delivery' => ['stall_at' => 5_000]]);
$bytes = ['kind' => 'bytes'];
row($velox, 'stalls in the binary', ['times' => 1, 'answer' => $bytes, 'delivery' => ['stall_at' => 5_000]]);
?>
--EXPECTF--
Pillion\TimeoutException(400): build exceeded 1s timeout
Pillion\TimeoutException(400): build exceeded 300ms timeout
string(6) "failed"
bool(false)
stalls, asked 2: MISS
stalls in the binary, asked 2: MISS
