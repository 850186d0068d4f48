--TEST--
The build queue is bounded and refuses further builds with an exception
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['answer' => ['kind' => 'hang']]]]);

$futures = [];
for ($i = 0; $i < 400; ++$i) {
    $futures[] = Pillion\Velox\build(request_of("v1.0.$i"));
}
until(fn () => [] !== ($done = Pillion\select($futures, 0)));
$thrown = caught(fn () => current(Pillion\select($futures, 0))->wait());
printf("%s(%d): %s\n", $thrown::class, $thrown->getCode(), $thrown->getMessage());
foreach ($futures as $future) {
    $future->cancel();
}
var_dump(count(Pillion\select($futures)));
?>
--EXPECTF--
Pillion\QueueFullException(600): %d builds are in flight on this host; ask again when some of them have ended
int(400)
