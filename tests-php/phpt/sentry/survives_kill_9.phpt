--TEST--
Accepted envelopes of a process ended by kill -9 are sent by another process
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry(['sentry_queue_buffer_size' => 100000, 'sentry_transport_timeout' => '500ms', 'sentry_retry_max_attempts' => 20]);

use Pillion\Sentry;

// The first requests get no response, neither before nor after the kill.
$sentry->behave(['delivery' => ['stall_at' => 0], 'times' => 4], ['delay_ms' => 1]);
$victim = php_start('
    // One byte for each event, so that a kill at any moment leaves a correct count.
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
// Concurrent requests can arrive out of order.
sort($events);
// One more event than the file counts may have been accepted.
var_dump(array_slice($events, 0, $accepted) === range(1, $accepted), count($events) - $accepted <= 2);
// On a busy machine the killed process may have sent some events itself.
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
