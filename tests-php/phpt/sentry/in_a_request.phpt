--TEST--
Envelopes of a request are sent once it has ended, and those of a long request while it goes on
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\{Sentry, Worker};

$sent = static fn (int $count): bool => count($sentry->events()) === $count;
// From here on the sender sleeps between requests.
foreach ([1, 2, 3] as $number) {
    Worker\request_begin();
    var_dump(Sentry\send(event($number)));
    Worker\request_end();
    until(static fn () => $sent($number));
    usleep(50_000);
}
Worker\request_begin();
var_dump(Sentry\send_batch([event(4), event(5)]));
until(static fn () => $sent(5));
usleep(50_000);
var_dump(Sentry\capture(['message' => 'captured']) !== null);
until(static fn () => $sent(6));
Worker\request_end();
// Outside of requests at once.
var_dump(Sentry\send(event(7)));
until(static fn () => $sent(7));
var_dump(Sentry\flush(30));
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
array(2) {
  [0]=>
  bool(true)
  [1]=>
  bool(true)
}
bool(true)
bool(true)
bool(true)
