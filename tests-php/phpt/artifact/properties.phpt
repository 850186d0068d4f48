--TEST--
An artifact has the documented properties with correct values
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['size' => 100_000, 'delay_ms' => 200]);

use Pillion\Velox;

$before = microtime(true);
$artifact = Velox\build(request(['request_id' => '123e4567-e89b-42d3-a456-426614174000']))->wait(30);
$after = microtime(true);
var_dump($artifact->key === Velox\key(request()), $artifact->cacheStatus, $artifact->size, filesize($artifact->path));
var_dump($artifact->sha256 === hash_file('sha256', $artifact->path), $artifact->path === realpath($artifact->path));
var_dump(substr(sprintf('%o', fileperms($artifact->path)), -4));
var_dump($artifact->createdAt >= $before - 0.1 && $artifact->createdAt <= $after + 0.1);
var_dump(round($artifact->expiresAt - $artifact->createdAt), $artifact->accessedAt >= $artifact->createdAt);
var_dump($artifact->buildSeconds >= 0.2 && $artifact->buildSeconds < 30);
echo json_encode($artifact->config, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES), "\n";
foreach ((new ReflectionClass($artifact))->getProperties() as $property) {
    echo implode(' ', array_diff(Reflection::getModifierNames($property->getModifiers()), ['protected(set)'])), " {$property->getType()} {$property->getName()}\n";
}
?>
--EXPECT--
bool(true)
string(4) "MISS"
int(100000)
int(100000)
bool(true)
bool(true)
string(4) "0755"
bool(true)
float(604800)
bool(true)
bool(true)
{
    "request_id": "123e4567-e89b-42d3-a456-426614174000",
    "force_rebuild": false,
    "target_platform": {
        "os": "linux",
        "arch": "amd64"
    },
    "rr_version": "v2025.1.2",
    "plugins": [
        {
            "module_name": "github.com/roadrunner-server/http/v5",
            "tag": "v5.2.7"
        },
        {
            "module_name": "github.com/roadrunner-server/grpc/v5",
            "tag": "v5.1.0"
        }
    ]
}
public readonly string key
public readonly string path
public readonly string sha256
public readonly string cacheStatus
public readonly int size
public readonly float createdAt
public readonly float expiresAt
public readonly float accessedAt
public readonly float buildSeconds
public readonly array config
