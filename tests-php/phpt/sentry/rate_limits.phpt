--TEST--
rate_limits() returns the limits of any project
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

var_dump(Sentry\rate_limits());
$sentry->behave(['headers' => [['X-Sentry-Rate-Limits', '60:transaction:key, 2700::organization']]]);
Sentry\send(event(1), $sentry->dsn(2));
var_dump(Sentry\flush(30));
$limits = Sentry\rate_limits($sentry->dsn(2));
ksort($limits);
foreach ($limits as $category => $seconds) {
    echo $category, ' ', is_float($seconds) ? round($seconds / 60) : gettype($seconds), " min\n";
}
// The configured project is a different one.
var_dump(Sentry\rate_limits(), Sentry\rate_limits($sentry->dsn(1)));
try {
    Sentry\rate_limits('https://nobody');
} catch (Pillion\ConfigException $e) {
    echo $e->getMessage(), "\n";
}
echo json_encode(Sentry\status()['transport']), "\n";
?>
--EXPECT--
array(0) {
}
bool(true)
all 45 min
transaction 1 min
array(0) {
}
array(0) {
}
DSN: found no public key before the @; expected https://<key>@<host>/<project>
{"timeout":30,"connect_timeout":10,"compression":true,"ssl_verify":true,"proxy":false,"max_payload_size":209715200}
