--TEST--
Moving refs are cached for velox.mutable_ttl, and not at all with 0
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['velox_mutable_ttl' => '1h30m']);

use Pillion\Velox;

foreach (['v1.0.0' => false, 'v1.0.0-rc.1' => false, str_repeat('a', 40) => false, 'main' => true, 'latest' => true, 'v1' => true, 'abcdef0' => true] as $tag => $moves) {
    $artifact = Velox\build(request_of($tag))->wait(30);
    $explained = Velox\explain(request_of($tag));
    printf("%s %d %s\n", substr($tag, 0, 12), round($artifact->expiresAt - $artifact->createdAt), $explained['moving_ref'] === ($moves ? $tag : null) ? 'as it should be' : 'wrong');
}
echo php('
    use Pillion\Velox;
    for ($i = 0; $i < 2; ++$i) {
        $artifact = Velox\build(request_of("develop"))->wait(30);
        echo $artifact->cacheStatus, " ", json_encode(Velox\find(request_of("develop"))), " ", json_encode($artifact->verify()), "\n";
    }
', ['velox_mutable_ttl' => '0'])['output'];
?>
--EXPECT--
v1.0.0 604800 as it should be
v1.0.0-rc.1 604800 as it should be
aaaaaaaaaaaa 604800 as it should be
main 5400 as it should be
latest 5400 as it should be
v1 5400 as it should be
abcdef0 5400 as it should be
MISS null true
MISS null true
