--TEST--
After a fork before the first job, parent and child each start a runtime
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

// Settings are read and the index is mapped before the fork.
var_dump(Velox\find(request()), Pillion\status()['runtime']['started']);
$child = pcntl_fork();
$artifact = Velox\build(request_of($child ? 'v1.0.0' : 'v2.0.0'))->wait(30);
if (0 === $child) {
    exit($artifact->config['plugins'][0]['tag'] === 'v2.0.0' && Pillion\status()['pid'] === getmypid() ? 11 : 12);
}
pcntl_waitpid($child, $status);
var_dump(pcntl_wifexited($status), pcntl_wexitstatus($status), $artifact->config['plugins'][0]['tag']);
// The parent finds the child's binary.
var_dump(Velox\find(request_of('v2.0.0'))->size > 0, $velox->count('builds_started'));
?>
--EXPECT--
NULL
bool(false)
bool(true)
int(11)
string(6) "v1.0.0"
bool(true)
int(2)
