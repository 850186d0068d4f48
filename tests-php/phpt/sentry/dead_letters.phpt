--TEST--
Dead letters are stored, listed without secrets, and can be replayed
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

$sentry->behave(['delivery' => ['drop_at' => 0], 'times' => 6]);
Sentry\send(event(1));
var_dump(Sentry\flush(30));
Sentry\send(event(2));
var_dump(Sentry\flush(30), $sentry->events());
$letters = Sentry\dead_letters();
var_dump(count($letters), count(Sentry\dead_letters(1)), Sentry\dead_letters(0));
['attempts' => $attempts, 'types' => $types, 'event_id' => $event] = $letters[1];
echo "$attempts $types[0] $event\n";
var_dump(abs($letters[0]['given_up_at'] - microtime(true)) < 60, str_contains(json_encode($letters), '0123456789abcdef'));
var_dump(Sentry\replay('no-such-letter'), Sentry\replay('../../x'), Sentry\replay($letters[1]['id']), Sentry\replay());
var_dump(Sentry\flush(30), $sentry->events(), Sentry\dead_letters());
['dead_letters' => $dead, 'events_replayed' => $replayed, 'total_retries' => $retries] = Sentry\metrics();
echo "$dead dead, $replayed replayed, $retries retries\n";
thrown(fn () => Sentry\dead_letters(-1));
?>
--EXPECT--
bool(true)
bool(true)
array(0) {
}
int(2)
int(1)
array(0) {
}
3 event 00000000000000000000000000000001
bool(true)
bool(false)
int(0)
int(0)
int(1)
int(1)
bool(true)
array(2) {
  [0]=>
  int(1)
  [1]=>
  int(2)
}
array(0) {
}
2 dead, 2 replayed, 4 retries
ValueError(0): Pillion\Sentry\dead_letters(): Argument #1 ($limit) must be greater than or equal to 0
