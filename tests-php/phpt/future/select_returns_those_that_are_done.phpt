--TEST--
select() returns the futures that are done, with their keys and in their order
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [
    ['when' => ['tag' => 'v1.0.0'], 'answer' => ['kind' => 'hang']],
    ['when' => ['tag' => 'v2.0.0'], 'answer' => ['kind' => 'error', 'message' => 'building plugins: no']],
]]);

use Pillion\Velox;

$futures = [
    'hangs' => Velox\build(request_of('v1.0.0')),
    7 => Velox\build(request_of('v2.0.0')),
    'works' => Velox\build(request_of('v3.0.0')),
];
$left = $futures;
$seen = [];
while (count($left) > 1) {
    foreach (Pillion\select($left, 30) as $key => $future) {
        var_dump($future === $futures[$key]);
        $seen[$key] = $future->state();
        unset($left[$key]);
    }
}
ksort($seen);
print_r($seen);
// Every done future is returned in the order of the array, again at each call.
var_dump(array_keys(Pillion\select(array_reverse($futures, true), 0)));
$futures['hangs']->cancel();
var_dump(array_keys(Pillion\select($futures)));
?>
--EXPECT--
bool(true)
bool(true)
Array
(
    [7] => failed
    [works] => done
)
array(2) {
  [0]=>
  string(5) "works"
  [1]=>
  int(7)
}
array(3) {
  [0]=>
  string(5) "hangs"
  [1]=>
  int(7)
  [2]=>
  string(5) "works"
}
