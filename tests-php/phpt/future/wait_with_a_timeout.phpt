--TEST--
wait() throws when its timeout expires, and the job continues
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['delay_ms' => 700]);

$future = Pillion\Velox\build(request());
thrown(fn () => $future->wait(0));
thrown(fn () => $future->wait(0.05));
thrown(fn () => $future->wait(timeout: 0.05));
var_dump($future->isDone());
echo $future->wait(30.0)->key, "\n";
// A done future needs no time.
echo $future->wait(0)->key, "\n";
?>
--EXPECT--
Pillion\TimeoutException(400): velox.build is not done after 0.000 s; it goes on
Pillion\TimeoutException(400): velox.build is not done after 0.050 s; it goes on
Pillion\TimeoutException(400): velox.build is not done after 0.050 s; it goes on
bool(false)
2eccb077c71e1f91
2eccb077c71e1f91
