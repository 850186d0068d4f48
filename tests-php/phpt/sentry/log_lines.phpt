--TEST--
Each accepted envelope is an info line with its id, except in a console command
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

$code = 'echo Pillion\Sentry\capture(["message" => "x"]); Pillion\Sentry\flush(30);';
$log = scratch('lines.log');
touch($log);
$id = php($code, ['log' => $log, 'log_format' => 'logfmt'])['output'];
$lines = preg_grep('/Event sent successfully/', file($log));
var_dump(count($lines), 1 === preg_match("/level=info .*event=\"Event sent successfully\" .*event_id=$id status_code=200$/m", implode('', $lines)));
file_put_contents($log, '');
php($code, ['log' => $log, 'sentry_logging_level' => 'warn']);
var_dump(str_contains(file_get_contents($log), 'Event sent'));

// The default destination: standard error.
$cron = php($code, ['log' => '']);
var_dump(strlen($cron['output']), $cron['errors']);
$asked = php($code, ['log' => '', 'log_level' => 'info']);
var_dump(str_contains($asked['errors'], 'Event sent successfully'));
putenv('RR_MODE=jobs');
$worker = php($code, ['log' => '']);
var_dump(str_contains($worker['errors'], 'Event sent successfully'));
?>
--EXPECT--
int(1)
bool(true)
bool(false)
int(32)
string(0) ""
bool(true)
bool(true)
