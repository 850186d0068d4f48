--TEST--
camelCase names, unknown fields, references and null are accepted as by the real server
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

use Pillion\Velox;

$camel = [
    'rrVersion' => 'v2025.1.2',
    'targetPlatform' => ['os' => 'linux', 'arch' => 'amd64'],
    'plugins' => [
        ['moduleName' => 'github.com/roadrunner-server/http/v5', 'tag' => 'v5.2.7'],
        ['moduleName' => 'github.com/roadrunner-server/grpc/v5', 'tag' => 'v5.1.0'],
    ],
    'forceRebuild' => false,
    'requestId' => '123e4567-e89b-42d3-a456-426614174000',
];
echo Velox\key($camel), "\n";
thrown(fn () => Velox\key($camel + ['rr_version' => 'v2025.1.2']));

$version = 'v2025.1.2';
$plugins = request()['plugins'];
echo Velox\key(['rr_version' => &$version, 'plugins' => &$plugins] + request()), "\n";
var_dump($version, $plugins === request()['plugins']);

echo Velox\key(request(['unknown' => ['a' => 1, 'b' => [2.5, null, true]], 'replace' => 'x', 7 => 'x'])), "\n";
echo Velox\build($camel)->wait(30)->config['request_id'], "\n";
$sent = json_decode($velox->lastRequest()['body'], true);
ksort($sent);
echo json_encode($sent), "\n";
?>
--EXPECT--
2eccb077c71e1f91
Pillion\InvalidRequestException(200): rr_version: given twice, as rr_version and as rrVersion; leave one out
2eccb077c71e1f91
string(9) "v2025.1.2"
bool(true)
2eccb077c71e1f91
123e4567-e89b-42d3-a456-426614174000
{"force_rebuild":false,"plugins":[{"module_name":"github.com\/roadrunner-server\/http\/v5","tag":"v5.2.7"},{"module_name":"github.com\/roadrunner-server\/grpc\/v5","tag":"v5.1.0"}],"request_id":"123e4567-e89b-42d3-a456-426614174000","rr_version":"v2025.1.2","target_platform":{"os":"linux","arch":"amd64"}}
