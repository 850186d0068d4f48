--TEST--
force_rebuild, race and debug are booleans, request_id is a UUID
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Velox;

foreach (['force_rebuild', 'race', 'debug'] as $flag) {
    Velox\key(request([$flag => true]));
    Velox\key(request([$flag => false]));
    Velox\key(request([$flag => null]));
    thrown(fn () => Velox\key(request([$flag => 1])));
    thrown(fn () => Velox\key(request([$flag => 'yes'])));
}
foreach (['0B0E6F3C-6d0a-4a6e-9f7a-0d9b8b1f2a11', '', null] as $id) {
    echo Velox\key(request(['request_id' => $id])), "\n";
}
foreach (['7', '0b0e6f3c6d0a4a6e9f7a0d9b8b1f2a11', '0b0e6f3c-6d0a-4a6e-9f7a-0d9b8b1f2a1g', 7] as $id) {
    thrown(fn () => Velox\key(request(['request_id' => $id])));
}
?>
--EXPECT--
Pillion\InvalidRequestException(200): force_rebuild: must be true or false, not a number
Pillion\InvalidRequestException(200): force_rebuild: must be true or false, not a string
Pillion\InvalidRequestException(200): race: must be true or false, not a number
Pillion\InvalidRequestException(200): race: must be true or false, not a string
Pillion\InvalidRequestException(200): debug: must be true or false, not a number
Pillion\InvalidRequestException(200): debug: must be true or false, not a string
2eccb077c71e1f91
2eccb077c71e1f91
2eccb077c71e1f91
Pillion\InvalidRequestException(200): request_id: must be a valid UUID, such as 123e4567-e89b-42d3-a456-426614174000; without one, one is made
Pillion\InvalidRequestException(200): request_id: must be a valid UUID, such as 123e4567-e89b-42d3-a456-426614174000; without one, one is made
Pillion\InvalidRequestException(200): request_id: must be a valid UUID, such as 123e4567-e89b-42d3-a456-426614174000; without one, one is made
Pillion\InvalidRequestException(200): request_id: must be a string, not a number
