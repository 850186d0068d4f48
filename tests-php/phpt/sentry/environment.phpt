--TEST--
Off words in SENTRY_DSN, absent certificates and invalid settings are known at start
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

$code = 'var_dump(Pillion\Sentry\capture(["message" => "x"])); echo json_encode([Pillion\Sentry\send(event(1)), Pillion\Sentry\send(event(1), ""), Pillion\Sentry\status()["dsn_set"]]), "\n";';
foreach (['null', '(null)', 'false', '(empty)', ''] as $word) {
    putenv("SENTRY_DSN=$word");
    echo php($code, ['sentry_dsn' => ''])['output'];
}
putenv('SENTRY_DSN');
// The project's URL uses http.
putenv('SSL_CERT_FILE=/nonexistent.pem');
putenv('SSL_CERT_DIR=/nonexistent');
echo php('var_dump(Pillion\Sentry\send(event(2)), Pillion\Sentry\flush(30));')['output'];
putenv('SSL_CERT_FILE');
putenv('SSL_CERT_DIR');
var_dump($sentry->events());

$wrong = fn (array $settings) => php('thrown(fn () => Pillion\Sentry\send(event(3)));', $settings)['output'];
echo $wrong(['sentry_transport_ca_file' => '/nonexistent.pem']);
echo $wrong(['sentry_transport_ca_file' => __FILE__]) === str_replace('{file}', __FILE__, "Pillion\ConfigException(100): pillion.sentry_transport_ca_file (INI): found \"{file}\" (no certificate); expected a PEM file with CERTIFICATE blocks that PHP's user can read\n") ? "as expected\n" : 'not as expected';
echo $wrong(['sentry_transport_proxy_auth' => 's3cret']);

// Without quotes, PHP passes an empty text.
$log = scratch('off.log');
touch($log);
php('Pillion\Sentry\send(event(4)); Pillion\Sentry\flush(30);', ['log' => $log], ['-d', 'pillion.log_level=off']);
var_dump(file_get_contents($log));
?>
--EXPECT--
NULL
[false,false,false]
NULL
[false,false,false]
NULL
[false,false,false]
NULL
[false,false,false]
NULL
[false,false,false]
bool(true)
bool(true)
array(1) {
  [0]=>
  int(2)
}
Pillion\ConfigException(100): pillion.sentry_transport_ca_file (INI): found "/nonexistent.pem" (can't be read: No such file or directory (os error 2)); expected a PEM file with CERTIFICATE blocks that PHP's user can read
as expected
Pillion\ConfigException(100): pillion.sentry_transport_proxy_auth (INI): found "********" (no colon); expected user:password
string(0) ""
