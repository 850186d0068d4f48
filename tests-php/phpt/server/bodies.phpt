--TEST--
A server can answer with the binary itself, compressed or not, under any content type
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

row($velox, 'plain', ['answer' => ['kind' => 'bytes', 'size' => 200_000]]);
row($velox, 'gzip by its bytes', ['answer' => ['kind' => 'bytes', 'gzip' => 'body']]);
row($velox, 'gzip by its header', ['answer' => ['kind' => 'bytes', 'gzip' => 'encoding']]);
row($velox, 'as text', ['answer' => ['kind' => 'bytes', 'content_type' => 'text/plain']]);
row($velox, 'cut once', ['times' => 1, 'answer' => ['kind' => 'bytes', 'keep' => 1000]]);
row($velox, 'cut', ['answer' => ['kind' => 'bytes', 'keep' => 1000]]);
row($velox, 'gzip, cut once', ['times' => 1, 'answer' => ['kind' => 'bytes', 'gzip' => 'body', 'keep' => 1000]]);
row($velox, 'for another platform', ['answer' => ['kind' => 'bytes']], request_of('v2.0.0', [
    'target_platform' => ['os' => 'darwin', 'arch' => 'arm64'],
]));
$artifact = Pillion\Velox\find(request_of('v1.0.1'));
var_dump($artifact->size, $artifact->verify(), is_executable($artifact->path));
?>
--EXPECTF--
plain, asked 1: MISS
gzip by its bytes, asked 1: MISS
gzip by its header, asked 1: MISS
as text, asked 1: MISS
cut once, asked 2: MISS
cut, asked %d: Pillion\RemoteException(700): velox server answered with a binary, which can't be used: it has 1000 bytes, and its header describes 65536
gzip, cut once, asked 2: MISS
for another platform, asked 1: MISS
int(200000)
bool(true)
bool(true)
