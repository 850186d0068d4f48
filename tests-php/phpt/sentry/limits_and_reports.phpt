--TEST--
Sentry's rate limits apply to all processes, are shown, and are reported
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

$sentry->behave(['status' => 429, 'headers' => [['X-Sentry-Rate-Limits', '60:transaction:key, 2700:default;error:organization']]]);
Sentry\send(event(1));
var_dump(Sentry\flush(30));
// Another process sees the limit.
php('var_dump(Pillion\Sentry\send(event(2)), Pillion\Sentry\flush(30));');
var_dump(Sentry\send(event(3)), Sentry\flush(30));
Sentry\send("{}\n{\"type\":\"session\"}\n{}");
Sentry\flush(30);
$lost = 0;
foreach ($sentry->seen() as $seen) {
    foreach ($seen['items'] as [$header, $payload]) {
        foreach ('client_report' === $header['type'] ? $payload['discarded_events'] : [] as $discarded) {
            $lost += 'ratelimit_backoff' === $discarded['reason'] && 'error' === $discarded['category'] ? $discarded['quantity'] : 0;
        }
    }
}
var_dump($lost, $sentry->count('invalid'));
$limits = Sentry\status()['rate_limits'];
ksort($limits);
foreach ($limits as $category => $until) {
    echo $category, ' ', round((strtotime($until) - time()) / 60), " min\n";
}
var_dump(Sentry\metrics()['events_rate_limit']);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
int(2)
int(0)
default 45 min
error 45 min
transaction 1 min
int(3)
