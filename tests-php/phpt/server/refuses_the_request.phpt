--TEST--
A request that the server refuses is an InvalidRequestException too
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

$says = fn (array $body) => ['answer' => [
    'kind' => 'raw',
    'status' => 400,
    'headers' => ['Content-Type' => 'application/json'],
    'body' => json_encode(['code' => 'invalid_argument'] + $body),
]];
$thrown = row($velox, 'one', $says(['message' => 'validation error: plugins: value is required']));
echo json_encode($thrown->violations()), "\n";
$thrown = row($velox, 'two', $says([
    'message' => "validation errors:\n - request_id: must be a valid UUID\n - plugins[0].tag: value is required",
]));
echo json_encode($thrown->violations()), "\n";
$thrown = row($velox, 'with details', $says(['message' => 'validation error: …', 'details' => [[
    'type' => 'buf.validate.Violations',
    'value' => '',
    'debug' => ['violations' => [[
        'field' => ['elements' => [['fieldName' => 'plugins', 'index' => '3'], ['fieldName' => 'tag']]],
        'message' => 'value is required',
    ]]],
]]]));
echo json_encode($thrown->violations()), "\n";
$thrown = row($velox, 'broken JSON', $says(['message' => 'unmarshal message: proto: unexpected EOF']));
$thrown = row($velox, 'nothing', $says([]));
?>
--EXPECT--
one, asked 1: Pillion\InvalidRequestException(200): plugins: value is required
[{"field":"plugins","message":"value is required"}]
two, asked 1: Pillion\InvalidRequestException(200): request_id: must be a valid UUID; plugins[0].tag: value is required
[{"field":"request_id","message":"must be a valid UUID"},{"field":"plugins[0].tag","message":"value is required"}]
with details, asked 1: Pillion\InvalidRequestException(200): plugins[3].tag: value is required
[{"field":"plugins[3].tag","message":"value is required"}]
broken JSON, asked 1: Pillion\InvalidRequestException(200): request: unmarshal message: proto: unexpected EOF
nothing, asked 1: Pillion\InvalidRequestException(200): request: velox server rejected it without a message
