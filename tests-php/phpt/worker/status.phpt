--TEST--
Worker\status() reports health, and each request has a log line
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Worker;

$status = Worker\status();
echo json_encode(array_map(get_debug_type(...), $status)), "\n";
var_dump($status['status'], $status['pid'] === getmypid(), $status['memory'] === memory_get_usage(true), $status['peak_memory'] === memory_get_peak_usage(true));
var_dump($status['uptime'] < 60, $status['restarts'], array_keys($status['request']), $status['request']['memory_baseline'] > 0);
$said = php('Pillion\Worker\request_begin("one"); Pillion\Worker\request_end();', ['log' => 'stderr', 'log_level' => 'debug', 'log_format' => 'logfmt'])['errors'];
echo preg_replace(['/^.*(?=event)|(?<=pid=)\d+|(?<=ms=)[\d.e-]+|(?<=memory=)\d+|(?<=baseline=)\d+/m'], '', $said);
// The id exists although no code asks for it.
foreach (['exit(1);' => 'given', 'str_repeat("x", 1 << 40);' => 'given', 'echo 1;' => ''] as $code => $given) {
    putenv("HTTP_X_REQUEST_ID={$given}");
    $said = php($code, ['log' => 'stderr', 'log_level' => 'debug', 'log_format' => 'logfmt'], options: ['-d', 'display_errors=0', '-d', 'log_errors=0', '-d', 'memory_limit=8M'])['errors'];
    preg_match('/event="request handled".* request_id=(\S*)/', $said, $found);
    echo preg_match('/^[0-9a-f-]{36}$/', $found[1] ?? '') ? 'made' : $found[1] ?? $said, "\n";
}
?>
--EXPECT--
{"status":"string","mode":"string","worker_mode":"bool","pid":"int","thread":"int","uptime":"float","restarts":"int","requests":"int","requests_begun":"int","thread_requests":"int","request":"array","durations":"array","hooks":"array","left_behind":"array","memory":"int","peak_memory":"int","memory_baseline":"int","trend":"null","gc":"array"}
string(2) "ok"
bool(true)
bool(true)
bool(true)
bool(true)
int(0)
array(3) {
  [0]=>
  string(2) "id"
  [1]=>
  string(7) "seconds"
  [2]=>
  string(15) "memory_baseline"
}
bool(true)
event="request handled" pid= ms= request_id=one memory= baseline=
given
given
made
