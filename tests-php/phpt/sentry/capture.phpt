--TEST--
capture() makes a complete envelope from an event
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

$id = Sentry\capture(['message' => 'the disk is full', 'tags' => ['disk' => '/srv']]);
var_dump(1 === preg_match('/^[0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15}$/', $id));
$own = Sentry\capture(['event_id' => '9EC79C33-ec99-42ab-8353-589fcb2e04dc', 'type' => 'transaction', 'level' => 'info']);
var_dump($own, Sentry\flush(30));
[$event, $transaction] = $sentry->seen();
if ('transaction' === $event['items'][0][0]['type']) {
    [$event, $transaction] = [$transaction, $event];
}
$payload = $event['items'][0][1];
var_dump($event['error'], $event['header']['event_id'] === $id, $payload['event_id'] === $id, abs($payload['timestamp'] - time()) < 60);
unset($payload['event_id'], $payload['timestamp'], $payload['sdk']['version']);
echo json_encode($payload, JSON_UNESCAPED_SLASHES), "\n";
var_dump($transaction['items'][0][0]['type'], $transaction['items'][0][1]['level']);
thrown(fn () => Sentry\capture('boom'));
thrown(fn () => Sentry\capture([], 'https://s3cret@host'));
?>
--EXPECT--
bool(true)
string(32) "9ec79c33ec9942ab8353589fcb2e04dc"
bool(true)
NULL
bool(true)
bool(true)
bool(true)
{"platform":"php","level":"error","sdk":{"name":"pillion"},"message":"the disk is full","tags":{"disk":"/srv"}}
string(11) "transaction"
string(4) "info"
TypeError(0): Pillion\Sentry\capture(): Argument #1 ($event) must be of type array, string given
Pillion\ConfigException(100): DSN: found no project after the last slash; expected https://<key>@<host>/<project>
