--TEST--
Envelopes without an outbox file count as dropped and are reported; kill -9 counts them
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry([
    'sentry_retry_max_attempts' => 100,
    'sentry_retry_initial_backoff' => '200ms',
    'sentry_retry_max_backoff' => '200ms',
    'shutdown_timeout' => '300ms',
]);

use Pillion\Sentry;

$gone = ['delivery' => ['drop_at' => 0], 'times' => 0];
$sentry->behave($gone);
// The first event is in a file; no file can be created for the check-ins.
$send = '
    Pillion\Sentry\send(event(1));
    rename(scratch("run/sentry"), scratch("run/away"));
    foreach (range(1, 4) as $n) {
        Pillion\Sentry\send("{}\n{\"type\":\"check_in\"}\n{}");
    }
    rename(scratch("run/away"), scratch("run/sentry"));
    var_dump(Pillion\Sentry\status()["queue"]["durable"]);
';
$ended = php($send);
echo $ended['output'];
var_dump($ended['exit'], Sentry\metrics()['events_dropped']);

$sentry->behave();
Sentry\send(event(2));
var_dump(Sentry\flush(30));
$lost = 0;
foreach ($sentry->seen() as $seen) {
    foreach ($seen['is_told'] ? $seen['items'] : [] as [$header, $payload]) {
        foreach ('client_report' === $header['type'] ? $payload['discarded_events'] : [] as $one) {
            $lost += 'queue_overflow' === $one['reason'] && 'monitor' === $one['category'] ? $one['quantity'] : 0;
        }
    }
}
var_dump($lost);

$sentry->behave($gone);
$victim = php_start("$send time_nanosleep(60, 0);");
until(fn () => "bool(false)\n" === file_get_contents("$victim[name].out"));
proc_terminate($victim['process'], 9);
var_dump(php_end($victim)['signal']);
Sentry\send(event(3));
until(fn () => Sentry\metrics()['events_dropped'] > 4);
var_dump(Sentry\metrics()['events_dropped']);
?>
--EXPECT--
bool(false)
int(0)
int(4)
bool(true)
int(4)
int(9)
int(8)
