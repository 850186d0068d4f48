--TEST--
A connection that reuses the number of standard error gets no log line; a file does
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$code = '
    fclose(STDERR);
    [$connection, $peer] = stream_socket_pair(STREAM_PF_UNIX, STREAM_SOCK_STREAM, 0);
    echo substr(readlink("/proc/self/fd/2"), 0, 6), "\n";
    Pillion\Artifacts\clean()->wait(30);
    // A thread writes the lines asynchronously.
    usleep(200_000);
    fclose($connection);
    // Everything that was written to it.
    var_dump(stream_get_contents($peer));
    $file = fopen($log = $_SERVER["argv"][0] . ".log", "a");
    Pillion\Artifacts\clean()->wait(30);
    until(fn () => str_contains(file_get_contents($log), "cache cleanup completed"));
    echo "logged\n";
';
echo php($code, ['log' => 'stderr'])['output'];
?>
--EXPECT--
socket
string(0) ""
logged
