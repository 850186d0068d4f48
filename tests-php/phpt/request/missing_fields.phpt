--TEST--
Missing fields are reported together, as text and as a list
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$thrown = caught(fn () => Pillion\Velox\build([]));
var_dump($thrown::class, $thrown->getCode(), $thrown->getMessage());
print_r($thrown->violations());
// The same for every function that takes a request.
foreach (['find', 'key', 'explain'] as $function) {
    thrown(fn () => "Pillion\\Velox\\$function"(['plugins' => [['tag' => 'v1.0.0']]]));
}
?>
--EXPECT--
string(31) "Pillion\InvalidRequestException"
int(200)
string(88) "rr_version: missing required field: rr_version; plugins: missing required field: plugins"
Array
(
    [0] => Array
        (
            [field] => rr_version
            [message] => missing required field: rr_version
        )

    [1] => Array
        (
            [field] => plugins
            [message] => missing required field: plugins
        )

)
Pillion\InvalidRequestException(200): rr_version: missing required field: rr_version; plugins[0].module_name: missing required field: plugins[0].module_name
Pillion\InvalidRequestException(200): rr_version: missing required field: rr_version; plugins[0].module_name: missing required field: plugins[0].module_name
Pillion\InvalidRequestException(200): rr_version: missing required field: rr_version; plugins[0].module_name: missing required field: plugins[0].module_name
