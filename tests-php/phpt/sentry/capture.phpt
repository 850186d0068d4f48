--TEST--
capture() makes a whole envelope of an event
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
thrown(fn () => Sentry\capture(['event_id' => uniqid('sentry_', true)]));
thrown(fn () => Sentry\capture(['extra' => ['file' => STDIN]]));
thrown(fn () => Sentry\capture([1, 2]));
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
Pillion\InvalidRequestException(200): event_id: must be 32 hexadecimal digits
Pillion\InvalidRequestException(200): extra.file: must be a scalar or an array
Pillion\InvalidRequestException(200): event: must be an array with string keys
