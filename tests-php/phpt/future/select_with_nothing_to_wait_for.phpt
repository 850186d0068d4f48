--TEST--
select() of an empty array or with timeout 0 returns at once; duplicates are accepted
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['answer' => ['kind' => 'hang']]]]);

var_dump(Pillion\select([]), Pillion\select([], 0), Pillion\select(futures: [], timeout: 10));
$future = Pillion\Velox\build(request());
var_dump(Pillion\select([$future], 0), Pillion\select([$future], 0.05));
$future->cancel();
var_dump(array_keys(Pillion\select(['a' => $future, 'b' => $future])));
// References in the array are followed.
$array = [&$future];
var_dump(Pillion\select($array) === [$future]);
?>
--EXPECT--
array(0) {
}
array(0) {
}
array(0) {
}
array(0) {
}
array(0) {
}
array(2) {
  [0]=>
  string(1) "a"
  [1]=>
  string(1) "b"
}
bool(true)
