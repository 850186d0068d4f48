--TEST--
Values that JSON can't represent are refused at any depth, with bounded errors
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

enum Suit: string
{
    case Hearts = 'v2025.1.2';
}

$wrong = fn (mixed $value) => thrown(fn () => Pillion\Velox\key(request(['note' => ['deep' => [$value]]])));
$wrong(new stdClass());
$wrong(fopen('php://memory', 'r'));
$wrong(fn () => 1);
$wrong(Suit::Hearts);
$wrong("\xff\xfe");
$wrong(NAN);
$wrong(INF);

$deep = 'x';
for ($i = 0; $i < 50_000; ++$i) {
    $deep = ['n' => $deep];
}
$wrong($deep);
$endless = [];
$endless['again'] = &$endless;
$wrong($endless);
thrown(fn () => Pillion\Velox\key(request(['note' => array_fill(0, 100_001, 'x')])));
thrown(fn () => Pillion\Velox\key(request(['note' => array_fill(0, 400, array_fill(0, 400, 'x'))])));
unset($endless['again'], $deep);
?>
--EXPECTF--
Pillion\InvalidRequestException(200): note.deep[0]: must be a scalar or an array
Pillion\InvalidRequestException(200): note.deep[0]: must be a scalar or an array
Pillion\InvalidRequestException(200): note.deep[0]: must be a scalar or an array
Pillion\InvalidRequestException(200): note.deep[0]: must be a scalar or an array
Pillion\InvalidRequestException(200): note.deep[0]: must be valid UTF-8
Pillion\InvalidRequestException(200): note.deep[0]: must be a finite number
Pillion\InvalidRequestException(200): note.deep[0]: must be a finite number
Pillion\InvalidRequestException(200): note.deep[0]%S.n: nests too deep
Pillion\InvalidRequestException(200): note.deep[0]%S.again: nests too deep
Pillion\InvalidRequestException(200): note: has too many elements
Pillion\InvalidRequestException(200): note[%d]: has too many elements
