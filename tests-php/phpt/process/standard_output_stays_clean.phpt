--TEST--
Log lines go to standard error or pillion.log, never to standard output
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [
    ['when' => ['tag' => 'v2.0.0'], 'answer' => ['kind' => 'raw', 'status' => 502]],
    ['when' => ['tag' => 'v3.0.0'], 'answer' => ['kind' => 'error', 'message' => 'building plugins: no']],
    ['when' => ['tag' => 'v4.0.0'], 'answer' => ['kind' => 'build', 'file' => 'no_magic']],
    ['when' => ['tag' => 'v5.0.0'], 'answer' => ['kind' => 'hang']],
]]);

$code = '
    Pillion\Velox\build(request())->wait(30);
    foreach (["v2.0.0", "v3.0.0", "v4.0.0", "v5.0.0"] as $tag) {
        $build = Pillion\Velox\build(request_of($tag));
        caught(fn () => $build->wait("v5.0.0" === $tag ? 0.1 : 30));
        $build->cancel();
    }
    caught(fn () => Pillion\Artifacts\put("00000000000000aa", "/does/not/exist")->wait(30));
    Pillion\Artifacts\clean()->wait(30);
    pcntl_waitpid(pcntl_fork() ?: exit(Pillion\Velox\build(request_of("v6.0.0"))->wait(30)->size > 0 ? 0 : 1), $status);
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
