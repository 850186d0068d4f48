--TEST--
409 means the build is in flight at the server: the request repeats until it is done
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

row($velox, 'for a while', ['times' => 5, 'answer' => ['kind' => 'busy']]);
// A 409 counts as no attempt: all attempts remain for faults.
$velox->reset();
$velox->behave(
    ['times' => 2, 'answer' => ['kind' => 'busy']],
    ['times' => 2, 'answer' => ['kind' => 'raw', 'status' => 503]],
);
echo Pillion\Velox\build(request())->wait(30)->cacheStatus, ' ', $velox->count('build_requests'), "\n";
?>
--EXPECT--
for a while, asked 6: MISS
MISS 5
