--TEST--
A connection that has got the number of a closed standard error takes no log line; a file that was put there does
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$code = '
    fclose(STDERR);
    [$connection, $peer] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    echo substr(readlink("/proc/self/fd/2"), 0, 6), "\n";
    Pillion\Artifacts\clean()->wait(30);
    stream_set_blocking($peer, false);
    var_dump(fread($peer, 4096));
    fclose($connection);
    $file = fopen($_SERVER["argv"][0] . ".log", "a");
    Pillion\Artifacts\clean()->wait(30);
    var_dump(str_contains(file_get_contents($_SERVER["argv"][0] . ".log"), "cache cleanup completed"));
';
echo php($code, ['log' => 'stderr'])['output'];
?>
--EXPECT--
socket
string(0) ""
bool(true)
