--TEST--
A file named in an answer is accepted if it is valid and below velox.path_map
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

$faults = ['none', 'not_executable', 'group_writable', 'missing', 'empty', 'truncated', 'outside', 'dot_dot',
    'symlink', 'symlinked_directory', 'directory', 'fifo', 'no_magic', 'world_writable'];
foreach ($faults as $fault) {
    row($velox, $fault, ['answer' => ['kind' => 'build', 'file' => $fault]]);
}
foreach (['missing', 'truncated', 'empty'] as $fault) {
    row($velox, "$fault once", ['times' => 1, 'answer' => ['kind' => 'build', 'file' => $fault]]);
}
// Deleted as soon as the server answers: both outcomes of the race are valid.
row($velox, 'vanishes once', ['times' => 1, 'answer' => ['kind' => 'build', 'file' => 'vanishes']]);
row($velox, 'a foreign path', ['answer' => ['kind' => 'path', 'path' => '/etc/passwd']]);
row($velox, 'a relative path', ['answer' => ['kind' => 'path', 'path' => 'velox/rr']]);
row($velox, 'a strange path', ['answer' => ['kind' => 'path', 'path' => scratch('velox') . "/a\0b"]]);
row($velox, 'the root itself', ['answer' => ['kind' => 'path', 'path' => scratch('velox')]]);
// A refused file leaves nothing behind.
var_dump(glob(scratch('state/.rr-cache/velox-binaries/*/*/*.tmp*')));
?>
--EXPECTF--
none, asked 1: MISS
not_executable, asked 1: MISS
group_writable, asked 1: MISS
missing, asked 2: Pillion\RemoteException(700): velox server built %s/rr, but %s/rr is not there: the server's directory has to be shared with this host, and velox.path_map has to say where it is
empty, asked 2: Pillion\RemoteException(700): velox server answered with the file %s/rr, which can't be used: it is empty
truncated, asked 2: Pillion\RemoteException(700): velox server answered with the file %s/rr, which can't be used: it has 32768 bytes, and its header describes 65536
outside, asked 1: Pillion\RemoteException(700): velox server answered with the path %s.outside/%s/rr, which is below none of the directories in velox.path_map (%s/velox)
dot_dot, asked 1: Pillion\RemoteException(700): velox server answered with the path %s/../../%s/rr, which is below none of the directories in velox.path_map (%s/velox)
symlink, asked 1: Pillion\RemoteException(700): velox server built %s/rr, but %s/rr leads over a symbolic link, and none is followed
symlinked_directory, asked 1: Pillion\RemoteException(700): velox server built %s/rr, but %s/rr leads over a symbolic link, and none is followed
directory, asked 1: Pillion\RemoteException(700): velox server answered with the file %s/rr, which can't be used: it is not a regular file
fifo, asked 1: Pillion\RemoteException(700): velox server answered with the file %s/rr, which can't be used: it is not a regular file
no_magic, asked 1: Pillion\RemoteException(700): velox server answered with the file %s/rr, which can't be used: it is no ELF executable for linux/amd64: it starts with 23 21 2f 62 69 6e 2f 73
world_writable, asked 1: Pillion\RemoteException(700): velox server answered with the file %s/rr, which can't be used: it is world-writable; expected mode 0755 or 0644
missing once, asked 2: MISS
truncated once, asked 2: MISS
empty once, asked 2: MISS
vanishes once, asked %d: MISS
a foreign path, asked 1: Pillion\RemoteException(700): velox server answered with the path /etc/passwd, which is below none of the directories in velox.path_map (%s/velox)
a relative path, asked 1: Pillion\RemoteException(700): velox server answered with the path velox/rr, which is below none of the directories in velox.path_map (%s/velox)
a strange path, asked 1: %s
the root itself, asked 1: Pillion\RemoteException(700): velox server answered with the path %s/velox, which is below none of the directories in velox.path_map (%s/velox)
array(0) {
}
