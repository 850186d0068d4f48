--TEST--
mode() names the runtime, and the old switch overrides the detection of a worker
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Worker;

var_dump(Worker\mode(), Worker\status()['worker_mode']);
$code = 'echo json_encode([Pillion\Worker\mode(), Pillion\Worker\status()["worker_mode"]]), "\n";';
foreach ([['RR_MODE', 'http'], ['CADDY_WORKER_MODE', 'true'], ['CADDY_WORKER_MODE', 'false'], ['CADDY_WORKER_MODE', '1']] as [$name, $value]) {
    putenv("$name=$value");
    echo php($code)['output'];
    putenv($name);
}
putenv('CADDY_WORKER_MODE=false');
putenv('RR_MODE=http');
echo php($code)['output'];
?>
--EXPECT--
string(3) "cli"
bool(false)
["roadrunner",true]
["cli",true]
["cli",false]
["cli",false]
["cli",false]
