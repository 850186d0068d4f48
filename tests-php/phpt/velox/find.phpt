--TEST--
find() looks up a binary by key or request without a request to the server
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

var_dump(Velox\find(request()), Velox\find('2eccb077c71e1f91'), Velox\find('0000000000000000'));
Velox\build(request())->wait(30);
[$byRequest, $byKey] = [Velox\find(request()), Velox\find('2eccb077c71e1f91')];
var_dump($byRequest == $byKey, $byKey->cacheStatus, $byKey->key, Velox\find(requestOrKey: $byKey->key) == $byKey);
// Another configuration is another binary.
var_dump(Velox\find(request(['race' => true])));
var_dump($velox->count('build_requests'));
foreach (['', '2eccb077c71e1f9', '2eccb077c71e1f911', '2ECCB077C71E1F91', '2eccb077c71e1f9g', "2eccb077c71e1f9\n", '../../etc/passwd', "\0", "\xff"] as $wrong) {
    thrown(fn () => Velox\find($wrong));
}
?>
--EXPECT--
NULL
NULL
NULL
bool(true)
string(3) "HIT"
string(16) "2eccb077c71e1f91"
bool(true)
NULL
int(1)
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
ValueError(0): Pillion\Velox\find(): Argument #1 ($requestOrKey) must be 16 lower-case hexadecimal digits
