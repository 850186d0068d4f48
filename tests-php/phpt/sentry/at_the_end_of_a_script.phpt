--TEST--
Envelopes of a short script are sent; with Sentry down the next process sends them
--FILE--
<?php
require __DIR__ . '/../lib.inc';
// Long enough for a busy machine; the wait ends as soon as everything is sent.
$sentry = with_sentry(['shutdown_timeout' => '8s']);

$ended = php('for ($n = 1; $n <= 50; ++$n) Pillion\Sentry\send(event($n)); exit(3);');
var_dump($ended['exit'], $ended['errors'], $sentry->events() === range(1, 50));
var_dump(glob(scratch('run/sentry/*')));

$away = ['sentry_dsn' => 'http://k@127.0.0.1:1/1', 'sentry_retry_initial_backoff' => '1h', 'sentry_retry_max_backoff' => '1h'];
$ended = php('Pillion\Sentry\send(event(51)); Pillion\Sentry\send(event(52), ' . var_export($sentry->dsn(), true) . ');', $away);
var_dump($ended['exit'], $sentry->events() === range(1, 52) || $sentry->events() === [...range(1, 50), 52]);
var_dump(count(glob(scratch('run/sentry/*.box'))));
?>
--EXPECT--
int(3)
string(0) ""
bool(true)
array(0) {
}
int(0)
bool(true)
int(1)
