--TEST--
flush() never exceeds its timeout and returns a correct result
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

var_dump(Sentry\flush(0), Sentry\flush());
$sentry->behave(['delay_ms' => 1500]);
Sentry\send(event(1));
$begun = microtime(true);
var_dump(Sentry\flush(0.05), microtime(true) - $begun < 1.4, Sentry\status()['queue']['here']);
var_dump(Sentry\flush(30), Sentry\status()['queue']['here'], $sentry->events());
thrown(fn () => Sentry\flush(-1));
?>
--EXPECT--
bool(true)
bool(true)
bool(false)
bool(true)
int(1)
bool(true)
int(0)
array(1) {
  [0]=>
  int(1)
}
ValueError(0): Pillion\Sentry\flush(): Argument #1 ($timeout) must be greater than or equal to 0
