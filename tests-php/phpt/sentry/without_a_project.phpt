--TEST--
Without a project, disabled or misconfigured, envelopes are refused with a reason
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

$code = 'var_dump(Pillion\Sentry\send(event(1)), Pillion\Sentry\capture(["message" => "x"]), Pillion\Sentry\status()["enabled"], Pillion\Sentry\status()["dsn_set"]);';
echo php($code, ['sentry_dsn' => ''])['output'], php($code, ['sentry_enabled' => 'off'])['output'];
$bad = php('thrown(fn () => Pillion\Sentry\send(event(1))); echo Pillion\status()["sentry"]["reason"], "\n";', ['sentry_dsn' => 'https://s3cret@host']);
echo $bad['output'];
// The settings alone create no file.
$code = 'echo json_encode(array_intersect_key(Pillion\Sentry\settings(), ["enabled" => 0, "dsn_set" => 0, "workers" => 0])), " ", json_encode(Pillion\Sentry\settings()["transport"] === Pillion\Sentry\status()["transport"]), "\n";';
echo php($code, ['sentry_dsn' => '', 'sentry_queue_workers' => 7])['output'], php($code, ['sentry_enabled' => 'off'])['output'];
echo php('thrown(fn () => Pillion\Sentry\settings());', ['sentry_dsn' => 'https://s3cret@host'])['output'];
$info = shell_exec(PHP_BINARY . ' ' . getenv('TEST_PHP_EXTRA_ARGS') . ' -d pillion.sentry_dsn=https://s3cret@host/1 -d pillion.sentry_transport_proxy_auth=u:s3cret --ri pillion');
var_dump(str_contains($info, 's3cret'), str_contains($info, 'https://********@host/1'));
?>
--EXPECT--
bool(false)
NULL
bool(true)
bool(false)
bool(false)
NULL
bool(false)
bool(true)
Pillion\ConfigException(100): pillion.sentry_dsn (INI): found "********" (no project after the last slash); expected a DSN like https://key@sentry.example/1
pillion.sentry_dsn (INI): found "********" (no project after the last slash); expected a DSN like https://key@sentry.example/1
{"enabled":true,"dsn_set":false,"workers":7} true
{"enabled":false,"dsn_set":true,"workers":4} true
Pillion\ConfigException(100): pillion.sentry_dsn (INI): found "********" (no project after the last slash); expected a DSN like https://key@sentry.example/1
bool(false)
bool(true)
