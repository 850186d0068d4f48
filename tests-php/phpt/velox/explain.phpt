--TEST--
explain() describes the result and reason of a lookup and is not counted as one
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['velox_mutable_ttl' => '1s']);

use Pillion\{Artifacts, Velox};

$absent = Velox\explain(request(['plugins' => array_reverse(request()['plugins'])]));
var_dump($absent);
var_dump(substr(hash('sha256', $absent['canonical']), 0, 16));
Velox\build(request())->wait(30);
$hit = Velox\explain(request());
var_dump($hit['hit'], $hit['reason'], round($hit['expires'] - $hit['created']));

$moving = request(['rr_version' => 'master']);
$expires = Velox\build($moving)->wait(30)->expiresAt;
var_dump(Velox\explain($moving)['moving_ref']);
until(fn () => null === Velox\find($moving));
$expired = Velox\explain($moving);
var_dump($expired['hit'], $expired['reason'], $expired['expires'] === $expires);

$before = Artifacts\stats();
Velox\explain(request());
Velox\explain($moving);
var_dump(Artifacts\stats()['hits'] === $before['hits'], Artifacts\stats()['misses'] === $before['misses']);
?>
--EXPECT--
array(8) {
  ["canonical"]=>
  string(196) "{"rr_version":"v2025.1.2","os":"linux","arch":"amd64","plugins":[{"module":"github.com/roadrunner-server/grpc/v5","tag":"v5.1.0"},{"module":"github.com/roadrunner-server/http/v5","tag":"v5.2.7"}]}"
  ["key"]=>
  string(16) "2eccb077c71e1f91"
  ["stored_key"]=>
  string(16) "2eccb077c71e1f91"
  ["hit"]=>
  bool(false)
  ["reason"]=>
  string(6) "absent"
  ["moving_ref"]=>
  NULL
  ["created"]=>
  NULL
  ["expires"]=>
  NULL
}
string(16) "2eccb077c71e1f91"
bool(true)
string(3) "hit"
float(604800)
string(6) "master"
bool(false)
string(18) "moving_ref_expired"
bool(true)
bool(true)
bool(true)
