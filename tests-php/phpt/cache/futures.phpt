--TEST--
fetch() and warm() read many keys, delete_matching() removes keys by pattern, without blocking
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Cache;

Cache\set_multiple(['a' => null, 'b' => [1, 'x' => [2.5]], 7 => 'seven', 'o' => new ArrayObject([1]), 't' => true, 'n' => -1], 60);
$future = Cache\fetch(['a', 'b', '7', 'none', 'o', 't', 'n']);
var_dump($future->isDone());
echo json_encode($future->wait()), ' ', $future->wait() == $future->wait() ? 'again' : 'other', "\n";
var_dump(Cache\warm(['a', 'none', 7])->wait(), Cache\fetch([])->wait());

for ($i = 0; $i < 20_000; ++$i) {
    Cache\set("user:$i:orgs", $i);
}
Cache\set('user:1:projects', 1);
$present = count(Cache\keys('user:*:orgs', 100_000));
Cache\get('user:1:orgs');
var_dump($present > 10_000, Cache\delete_matching('user:*:orgs')->wait() === $present);
var_dump(Cache\keys('user:*'), Cache\get('user:1:orgs'), Cache\delete_matching('none*')->wait());

try {
    Cache\fetch([[]]);
} catch (TypeError $error) {
    echo $error->getMessage(), "\n";
}
$off = php('use Pillion\Cache;
    echo json_encode([Cache\fetch(["b"])->wait(), Cache\warm(["b"])->wait(), Cache\delete_matching("*")->wait()]);', ['cache_enabled' => 'off']);
echo $off['output'], $off['errors'], "\n";
?>
--EXPECT--
bool(true)
{"a":null,"b":{"0":1,"x":[2.5]},"7":"seven","o":{"0":1},"t":true,"n":-1} again
int(2)
array(0) {
}
bool(true)
bool(true)
array(1) {
  [0]=>
  string(15) "user:1:projects"
}
NULL
int(0)
Pillion\Cache\fetch(): Argument #1 ($keys) must contain only string, array given
[[],0,0]
