--TEST--
filename() is one name of the platform, with .exe for Windows, for any configured value
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['windows' => true]);

$platforms = [['linux', 'amd64'], ['linux', 'arm64'], ['darwin', 'arm64'], ['windows', 'amd64'], ['freebsd', '386']];
foreach ($platforms as [$os, $arch]) {
    $request = request(['target_platform' => ['os' => $os, 'arch' => $arch]]);
    echo Pillion\Velox\build($request)->wait(30)->filename(), ' ', Pillion\Velox\find($request)->filename(), "\n";
}
$file = a_file('rr');
foreach ([['os' => 'windows', 'arch' => 'arm64'], ['target_platform' => ['os' => 'plan9', 'arch' => 'arm']], ['os' => 'linux'], []] as $config) {
    echo Pillion\Artifacts\put('00000000000000aa', $file, ['config' => $config])->wait(30)->filename(), "\n";
}
foreach (['../../etc', "a\r\nSet-Cookie: x", 'a"b', 'a b', '.', str_repeat('x', 500)] as $os) {
    echo Pillion\Artifacts\put('00000000000000aa', $file, ['config' => ['os' => $os, 'arch' => 'amd64']])->wait(30)->filename(), "\n";
}
thrown(fn () => Pillion\Artifacts\find('00000000000000aa')->filename(1));
?>
--EXPECT--
roadrunner-linux-amd64 roadrunner-linux-amd64
roadrunner-linux-arm64 roadrunner-linux-arm64
roadrunner-darwin-arm64 roadrunner-darwin-arm64
roadrunner-windows-amd64.exe roadrunner-windows-amd64.exe
roadrunner-freebsd-386 roadrunner-freebsd-386
roadrunner-windows-arm64.exe
roadrunner-plan9-arm
roadrunner
roadrunner
roadrunner
roadrunner
roadrunner
roadrunner
roadrunner
roadrunner
ArgumentCountError(0): Pillion\Artifact::filename() expects exactly 0 arguments, 1 given
