--TEST--
builds() and status() list the builds of all workers of the host
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 3000, 'progress' => 'on']);

use Pillion\Velox;

[$mine, $other] = ['123e4567-e89b-42d3-a456-426614174000', '123e4567-e89b-42d3-a456-426614174001'];
var_dump(Velox\builds(), Velox\status($mine));
$future = Velox\build(request(['request_id' => $mine]));
$started = php_start("Pillion\\Velox\\build(request_of('v1.0.0', ['request_id' => '$other', 'force_rebuild' => true]))->wait(40);");
until(fn () => 2 === count(Velox\builds()) && ['building', 'building'] === array_column(Velox\builds(), 'state'));
$builds = array_column(Velox\builds(), null, 'key');
ksort($builds['2eccb077c71e1f91']);
echo implode(' ', array_keys($builds['2eccb077c71e1f91'])), "\n";
var_dump($builds['2eccb077c71e1f91']['request_ids'], $builds['2eccb077c71e1f91']['pid'] === getmypid());

$status = Velox\status($other);
var_dump($status['request_id'], $status['state'], $status['force_rebuild'], $status['attempt'], $status['rr_version']);
var_dump($status['os'], $status['arch'], abs($status['started'] - microtime(true)) < 60, $status['pid'] === getmypid());
// The elapsed time grows, and log lines of the server are shown.
$elapsed = Velox\status($mine)['elapsed'];
until(fn () => Velox\status($mine)['elapsed'] > $elapsed + 0.2 && in_array('compiling plugins', Velox\status($mine)['lines']));

$future->wait(40);
php_end($started);
until(fn () => [] === Velox\builds());
$ended = Velox\status($mine);
var_dump($ended['state'], $ended['path'] === $future->wait()->path, $ended['size'], $ended['sha256'] === $future->wait()->sha256);
var_dump(Velox\status($other)['state'], Velox\status('nobody'));
?>
--EXPECT--
array(0) {
}
NULL
arch attempt elapsed force_rebuild key lines os pid plugins request_ids rr_version started state
array(1) {
  [0]=>
  string(36) "123e4567-e89b-42d3-a456-426614174000"
}
bool(true)
string(36) "123e4567-e89b-42d3-a456-426614174001"
string(8) "building"
bool(true)
int(1)
string(9) "v2025.1.2"
string(5) "linux"
string(5) "amd64"
bool(true)
bool(false)
string(4) "done"
bool(true)
int(65536)
bool(true)
string(4) "done"
NULL
