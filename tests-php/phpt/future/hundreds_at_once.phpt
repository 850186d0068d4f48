--TEST--
Hundreds of concurrent futures each end with their own artifact
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['velox_max_concurrent_builds' => 16, 'velox_cache_max_entries' => 1024]);

use Pillion\Velox;

$futures = [];
for ($i = 0; $i < 200; ++$i) {
    $futures["v1.0.$i"] = Velox\build(request_of("v1.0.$i"));
}
$left = $futures;
$right = 0;
while ($left) {
    foreach (Pillion\select($left, 30) as $tag => $future) {
        $right += $future->wait(0)->config['plugins'][0]['tag'] === $tag;
        unset($left[$tag]);
    }
}
var_dump($right, $velox->count('builds_started'), $velox->count('max_in_flight') <= 16);
var_dump(count(completed(200)), Pillion\completed());
?>
--EXPECT--
int(200)
int(200)
bool(true)
int(200)
array(0) {
}
