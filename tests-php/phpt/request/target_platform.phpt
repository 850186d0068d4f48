--TEST--
target_platform has an os and an arch, by default those of the host
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Velox;

$platform = function (mixed $platform): void {
    $canonical = json_decode(Velox\explain(request(['target_platform' => $platform]))['canonical'], true);
    echo $canonical['os'], ' ', $canonical['arch'], "\n";
};
$platform(null);
$platform([]);
$platform(['os' => 'windows']);
$platform(['arch' => 'riscv64', 'os' => null]);
$platform(['os' => ' freebsd ', 'arch' => 'arm64']);
foreach (['linux', 5, ['linux', 'amd64'], ['os' => '', 'arch' => 'a b'], ['os' => 1, 'arch' => []]] as $wrong) {
    thrown(fn () => $platform($wrong));
}
?>
--EXPECTREGEX--
(linux|darwin) (amd64|arm64)
(linux|darwin) (amd64|arm64)
windows (amd64|arm64)
(linux|darwin) riscv64
freebsd arm64
Pillion\\InvalidRequestException\(200\): target_platform: must be an object, not a string
Pillion\\InvalidRequestException\(200\): target_platform: must be an object, not a number
Pillion\\InvalidRequestException\(200\): target_platform: must be an object, not a list
Pillion\\InvalidRequestException\(200\): target_platform.os: must not be empty; leave it out to build for this host; target_platform.arch: must not contain whitespace; Go's names are such as linux and amd64
Pillion\\InvalidRequestException\(200\): target_platform.os: must be a string, not a number; target_platform.arch: must be a string, not a list
