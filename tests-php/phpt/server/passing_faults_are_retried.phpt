--TEST--
Transient faults are retried, at most velox.retry.max_attempts times
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

function status(int $status): array
{
    return ['kind' => 'raw', 'status' => $status, 'body' => "<h1>$status</h1>"];
}

foreach ([408, 429, 499, 500, 502, 503, 504] as $status) {
    row($velox, "$status twice", ['times' => 2, 'answer' => status($status)]);
    row($velox, "$status always", ['answer' => status($status)]);
}
$unavailable = ['kind' => 'error', 'status' => 503, 'code' => 'unavailable', 'message' => 'later'];
row($velox, 'unavailable twice', ['times' => 2, 'answer' => $unavailable]);
row($velox, 'unavailable always', ['answer' => $unavailable]);
// A full disk of the server is no failed build; an unknown internal error is passed on after the retries.
$full = ['kind' => 'error', 'message' => 'building plugins: no space left on device'];
row($velox, 'full twice', ['times' => 2, 'answer' => $full]);
row($velox, 'full always', ['answer' => $full]);
$internal = ['kind' => 'error', 'message' => 'generating cache hash: x'];
row($velox, 'internal twice', ['times' => 2, 'answer' => $internal]);
row($velox, 'internal always', ['answer' => $internal]);
row($velox, 'a killed compiler', ['times' => 1, 'answer' => [
    'kind' => 'error',
    'message' => 'building plugins: go build: signal: killed',
]]);
?>
--EXPECTF--
408 twice, asked 3: MISS
408 always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 408: <h1>408</h1> (given up after 3 attempts)
429 twice, asked 3: MISS
429 always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 429: <h1>429</h1> (given up after 3 attempts)
499 twice, asked 3: MISS
499 always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 499: <h1>499</h1> (given up after 3 attempts)
500 twice, asked 3: MISS
500 always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 500: <h1>500</h1> (given up after 3 attempts)
502 twice, asked 3: MISS
502 always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 502: <h1>502</h1> (given up after 3 attempts)
503 twice, asked 3: MISS
503 always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 503: <h1>503</h1> (given up after 3 attempts)
504 twice, asked 3: MISS
504 always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 504: <h1>504</h1> (given up after 3 attempts)
unavailable twice, asked 3: MISS
unavailable always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 503: unavailable: later (given up after 3 attempts)
full twice, asked 3: MISS
full always, asked 3: Pillion\RemoteException(700): velox server at http://%s/ answered 500: building plugins: no space left on device (given up after 3 attempts)
internal twice, asked 3: MISS
internal always, asked 3: Pillion\BuildFailedException(300): velox server returned: generating cache hash: x
a killed compiler, asked 2: MISS
