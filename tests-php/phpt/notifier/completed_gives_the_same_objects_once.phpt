--TEST--
completed() returns the identical objects once and omits dropped ones
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

use Pillion\Velox;

$dropped = Velox\build(request_of('v2.0.0'));
$dropped->wait(30);
unset($dropped);
$kept = Velox\build(request_of('v1.0.0'));
$kept->wait(30);
var_dump(completed(1) === [$kept], Pillion\completed());

// Earlier calls of wait() and select() make no difference.
$futures = [Velox\build(request_of('v3.0.0')), Velox\build(request_of('v4.0.0'))];
for ($left = $futures; $left; $left = array_diff_key($left, Pillion\select($left, 30)));
$completed = completed(2);
usort($completed, fn ($a, $b) => $a->id() <=> $b->id());
var_dump($completed === $futures);

// Hits and cancelled futures are included.
$hit = Velox\build(request_of('v1.0.0'));
$cancelled = Velox\build(request_of('v5.0.0', ['force_rebuild' => true]));
$cancelled->cancel();
var_dump(completed(2) === [$hit, $cancelled], Pillion\completed());
?>
--EXPECT--
bool(true)
array(0) {
}
bool(true)
bool(true)
array(0) {
}
