--TEST--
Accepted envelopes of a process ended by kill -9 are sent by another process
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry(['sentry_queue_buffer_size' => 100000, 'sentry_transport_timeout' => '500ms', 'sentry_retry_max_attempts' => 20]);

use Pillion\Sentry;

// The first ones get no answer, before the process is dead or after it.
$sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 4], ['delay_ms' => 1]);
$victim = php_start('
    // One byte for each, so that no moment of its own death can make the number wrong.
    $accepted = fopen(scratch("accepted"), "ab");
    for ($n = 1; $n <= 5000; ++$n) {
        Pillion\Sentry\send(event($n, str_repeat("x", $n % 5000))) && fwrite($accepted, "x");
    }
    sleep(60);
');
function accepted(): int
{
    clearstatcache();

    return (int) @filesize(scratch('accepted'));
}
until(fn () => accepted() > 500);
proc_terminate($victim['process'], 9);
var_dump(php_end($victim)['signal']);
$accepted = accepted();

Sentry\send(event(900000));
until(fn () => count(array_unique($sentry->events())) > $accepted);
var_dump(Sentry\flush(30));
$events = array_values(array_unique($sentry->events()));
// Requests under way at the same time may overtake each other.
sort($events);
// One more may have been accepted than the file tells.
var_dump(array_slice($events, 0, $accepted) === range(1, $accepted), count($events) - $accepted <= 2);
// On a busy machine the dead one may have come to sending some itself.
var_dump($sentry->count('invalid'), Sentry\metrics()['events_adopted'] > 0);
until(fn () => 2 >= count(glob(scratch('run/sentry/*'))));
?>
--EXPECT--
int(9)
bool(true)
bool(true)
bool(true)
int(0)
bool(true)
