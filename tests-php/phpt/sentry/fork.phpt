--TEST--
A forked child has its own outbox
--EXTENSIONS--
pcntl
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

Sentry\send(event(1));
$child = pcntl_fork();
if (0 === $child) {
    Sentry\send(event(2));
    exit(Sentry\flush(30) ? 0 : 1);
}
Sentry\send(event(3));
pcntl_waitpid($child, $status);
var_dump(pcntl_wexitstatus($status), Sentry\flush(30), array_values(array_unique($sentry->events())));
?>
--EXPECT--
int(0)
bool(true)
array(3) {
  [0]=>
  int(1)
  [1]=>
  int(2)
  [2]=>
  int(3)
}
