--TEST--
send_batch() accepts all envelopes, or none if one is invalid
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

var_dump(Sentry\send_batch(['a' => event(1), 7 => event(2)]), Sentry\send_batch([]));
thrown(fn () => Sentry\send_batch([event(3), 'x', 'k' => "{}\n{}"]));
thrown(fn () => Sentry\send_batch([event(4), 5]));
thrown(fn () => Sentry\send_batch([event(5)], 'nowhere'));
var_dump(Sentry\flush(30), $sentry->events());
?>
--EXPECT--
array(2) {
  ["a"]=>
  bool(true)
  [7]=>
  bool(true)
}
array(0) {
}
Pillion\InvalidRequestException(200): envelopes[1]: invalid header (expected a JSON object on one line): found none; envelopes[k]: invalid item header at byte 3 (expected a JSON object on one line): missing field `type` at line 1 column 2
TypeError(0): Pillion\Sentry\send_batch(): Argument #1 ($envelopes) must contain only string, int given
Pillion\ConfigException(100): DSN: found no scheme; expected https://<key>@<host>/<project>
bool(true)
array(2) {
  [0]=>
  int(1)
  [1]=>
  int(2)
}
