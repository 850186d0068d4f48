--TEST--
The timeout of build() applies to its own future; subscribers with more time succeed
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 1500]);

use Pillion\Velox;

$short = Velox\build(request(), 0.2);
$long = Velox\build(request(), 60);
$none = Velox\build(request(), null);
thrown(fn () => $short->wait(30));
var_dump($short->state(), $short->isDone(), $short->cancel(), $long->isDone());
echo $long->wait(30)->key, ' ', $none->wait(30)->key, ' ', $velox->count('builds_started'), "\n";
// With timeout 0 a hit succeeds, and a miss fails.
echo Velox\build(request(), 0)->wait(0)->cacheStatus, "\n";
$thrown = caught(fn () => Velox\build(request_of('v1.0.0'), 0)->wait(30));
var_dump($thrown::class, $thrown->getCode());
?>
--EXPECT--
Pillion\TimeoutException(400): build exceeded 200ms timeout
string(6) "failed"
bool(true)
bool(false)
bool(false)
2eccb077c71e1f91 2eccb077c71e1f91 1
HIT
string(24) "Pillion\TimeoutException"
int(400)
