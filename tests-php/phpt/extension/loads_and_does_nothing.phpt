--TEST--
A loaded and unused extension creates no thread, no file and no output
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

function descriptors(): array
{
    return preg_grep('/socket|eventfd|eventpoll|own-/', array_map(fn ($fd) => (string) @readlink($fd), glob('/proc/self/fd/*')));
}

// The test runner's own descriptors are inherited.
$inherited = var_export(descriptors(), true);
$ended = php('
    var_dump(array_filter([scratch("own-state"), scratch("own-run"), scratch("own-log")], file_exists(...)));
    // Calls that report create the directories, and hold nothing.
    ob_start();
    phpinfo(INFO_MODULES);
    ob_end_clean();
    Pillion\Velox\key(request());
    Pillion\status();
    $threads = count(glob("/proc/self/task/*"));
    $ours = array_filter(glob("/proc/self/fd/*"), fn ($fd) => preg_match("/socket|eventfd|eventpoll|own-/", (string) @readlink($fd)));
    $ours = array_diff(array_map(readlink(...), $ours), ' . $inherited . ');
    var_dump($threads, array_values($ours), extension_loaded("pillion"), phpversion("pillion"));
', ['state_dir' => scratch('own-state'), 'run_dir' => scratch('own-run'), 'log' => scratch('own-log'), 'log_level' => 'info']);
echo $ended['output'], $ended['errors'];
?>
--EXPECTF--
array(0) {
}
int(1)
array(0) {
}
bool(true)
string(%d) "%d.%d.%d"
