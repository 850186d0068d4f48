--TEST--
velox.retry.max_attempts is the number of attempts; 1 disables retries
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['velox_retry_max_attempts' => 1]);

row($velox, '503', ['answer' => ['kind' => 'raw', 'status' => 503]]);

$velox->reset();
$velox->behave(['times' => 6, 'answer' => ['kind' => 'raw', 'status' => 503]]);
echo php('
    echo Pillion\Velox\build(request())->wait(30)->cacheStatus, "\n";
', ['velox_retry_max_attempts' => 7])['output'];
var_dump($velox->count('build_requests'));
?>
--EXPECTF--
503, asked 1: Pillion\RemoteException(700): velox server at http://%s/ answered 503: an empty body%S
MISS
int(7)
