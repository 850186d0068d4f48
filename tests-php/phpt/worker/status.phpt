--TEST--
Worker\status() is a health answer, and a line in the log tells of each request
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
