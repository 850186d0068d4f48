--TEST--
completed() returns every future, for any number since the last call
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

Pillion\Velox\build(request())->wait(30);
Pillion\completed();
$futures = [];
for ($i = 0; $i < 5_000; ++$i) {
    $futures[] = Pillion\Velox\build(request());
}
$notifier = Pillion\notifier();
var_dump(readable($notifier, 30));
$completed = Pillion\completed();
usort($completed, fn ($a, $b) => (int) $a->id() <=> (int) $b->id());
var_dump($completed === $futures, Pillion\completed(), readable($notifier, 0));
// Again, with half of them dropped. Futures returned before are still referenced and not returned again.
$futures = [];
for ($i = 0; $i < 5_000; ++$i) {
    $future = Pillion\Velox\build(request());
    $i % 2 && $futures[] = $future;
}
unset($future);
var_dump(count(Pillion\completed()), Pillion\completed());
?>
--EXPECT--
bool(true)
bool(true)
array(0) {
}
bool(false)
int(2500)
array(0) {
}
