--TEST--
velox.path_map maps the server's paths to paths on this machine
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['velox_path_map' => '/srv/builds={dir}/velox, /tmp/nowhere={dir}/missing']);

// A server in a container, with /srv/builds as its directory.
Pillion\Velox\build(request_of('v9.9.9'));
until(fn () => [] !== glob(scratch('velox/*/rr')));
copy(glob(scratch('velox/*/rr'))[0], scratch('velox/the-binary'));
row($velox, 'mapped', ['answer' => ['kind' => 'path', 'path' => '/srv/builds/the-binary']]);
row($velox, 'unmapped', ['answer' => ['kind' => 'path', 'path' => '/srv/other/rr']]);
row($velox, 'to a directory that is not there', ['answer' => ['kind' => 'path', 'path' => '/tmp/nowhere/rr']]);
?>
--EXPECTF--
mapped, asked 1: MISS
unmapped, asked 1: Pillion\RemoteException(700): velox server answered with the path /srv/other/rr, which is below none of the directories in velox.path_map (/srv/builds, /tmp/nowhere)
to a directory that is not there, asked 1: Pillion\ConfigException(100): velox.path_map: the server's file /tmp/nowhere/rr would be %s/missing/rr, but %s/missing is no directory here
