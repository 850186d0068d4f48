--TEST--
A forked child and a preload script have served no request
--SKIPIF--
<?php extension_loaded('pcntl') || die('skip pcntl');
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Worker;

foreach ([1, 2] as $i) {
    Worker\request_begin();
    Worker\request_end();
}
$pid = pcntl_fork();
if ($pid === 0) {
    Worker\request_begin('child');
    Worker\request_end();
    echo Worker\status()['requests_begun'], ' ', Worker\status()['requests'], "\n";
    exit;
}
pcntl_waitpid($pid, $status);
echo Worker\status()['requests_begun'], ' ', Worker\status()['requests'], "\n";

file_put_contents(scratch('preload.php'), '<?php file_put_contents("' . scratch('id') . '", Pillion\Worker\request_id());');
$ended = php('echo json_encode([Pillion\Worker\status()["requests_begun"], Pillion\Worker\status()["requests"]]), "\n";', [], [
    '-d', 'zend_extension=opcache', '-d', 'opcache.enable_cli=1', '-d', 'opcache.preload=' . scratch('preload.php'),
    '-d', 'opcache.preload_user=root',
]);
echo $ended['output'];
?>
--EXPECT--
1 1
2 2
[0,0]
