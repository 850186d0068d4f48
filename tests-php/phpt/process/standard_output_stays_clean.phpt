--TEST--
Log lines go to standard error or pillion.log, never to standard output
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [['when' => ['tag' => 'v2.0.0'], 'answer' => ['kind' => 'raw', 'status' => 502]]]]);

$code = '
    Pillion\Velox\build(request())->wait(30);
    try {
        Pillion\Velox\build(request_of("v2.0.0"))->wait(30);
    } catch (Pillion\Exception) {
    }
    Pillion\Artifacts\clean()->wait(30);
    echo "mine";
';
$ended = php($code, ['log' => 'stderr', 'log_level' => 'trace']);
var_dump($ended['output'], str_contains($ended['errors'], 'build request received'));
$ended = php($code, ['log' => 'stderr', 'log_level' => 'off']);
var_dump($ended['output'], $ended['errors']);
$log = a_file('own.log', '');
$ended = php($code, ['log' => $log]);
var_dump($ended['output'], $ended['errors'], str_contains(file_get_contents($log), 'build request received'));
// PHP's own log: on the console standard error too.
$ended = php($code, ['log' => 'php'], ['-d', 'error_log=' . scratch('php.log'), '-d', 'log_errors=1']);
var_dump($ended['output'], $ended['errors'], str_contains(file_get_contents(scratch('php.log')), 'build request received'));
?>
--EXPECT--
string(4) "mine"
bool(true)
string(4) "mine"
string(0) ""
string(4) "mine"
string(0) ""
bool(true)
string(4) "mine"
string(0) ""
bool(true)
