--TEST--
A binary that one host has built reaches another one through the gateway; push() and pull() move others
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();
require __DIR__ . '/gateway.inc';

use Pillion\Artifacts;
use Pillion\Velox;

$gateway = gateway();
$first = ['remote_url' => $gateway, 'remote_token' => 'trusted'];
$second = $first + ['state_dir' => scratch('second-state'), 'run_dir' => scratch('second-run')];
$build = '
    $artifact = Pillion\Velox\build(request())->wait(30);
    echo json_encode([$artifact->cacheStatus, $artifact->key, $artifact->sha256, $artifact->verify()]), "\n";
';
$sent = 'until(fn () => str_contains(Pillion\Metrics\render(), "pillion_remote_pushes_total{result=\"stored\"} 1\n"));';
$counts = 'foreach (["pulls", "pushes"] as $what) {
    preg_match_all("/^pillion_remote_{$what}_total\{result=\"(\w+)\"\} ([1-9]\d*)$/m", Pillion\Metrics\render(), $found);
    echo $what, " ", json_encode(array_combine($found[1], array_map(intval(...), $found[2]))), "\n";
}';

// The first host builds, and sends; the second one gets it, and the server is not asked.
$one = php($build . $sent . $counts, $first);
echo preg_replace('/[0-9a-f]{64}/', 'SHA256', $one['output']), $one['errors'];
$two = php($build . $counts, $second);
echo preg_replace('/[0-9a-f]{64}/', 'SHA256', $two['output']), $two['errors'];
preg_match('/[0-9a-f]{64}/', $one['output'], $built);
preg_match('/[0-9a-f]{64}/', $two['output'], $received);
var_dump($built === $received, $velox->count('builds_started'));

// A binary of put(): pushed once, pulled by the other host with its configuration.
$push = '
    use Pillion\Artifacts;
    Artifacts\put("00000000000000aa", a_file("rr", "a binary"), ["config" => ["os" => "linux"], "build_seconds" => 1.5])->wait(30);
    var_dump(Artifacts\push("00000000000000aa")->wait(30), Artifacts\push("00000000000000aa")->wait(30));
';
echo php($push, $first)['output'];
$pull = '
    use Pillion\Artifacts;
    $artifact = Artifacts\pull("00000000000000aa")->wait(30);
    echo json_encode([$artifact->size, $artifact->config, $artifact->buildSeconds, $artifact->cacheStatus, $artifact->verify()]), "\n";
    var_dump(Artifacts\find("00000000000000aa")->sha256 === hash("sha256", "a binary"));
    var_dump(Artifacts\pull("00000000000000ab")->wait(30));
';
echo php($pull, $second)['output'];

// Without a build server.
$alone = ['velox_server_url' => '', 'state_dir' => scratch('third-state'), 'run_dir' => scratch('third-run')];
echo preg_replace('/[0-9a-f]{64}/', 'SHA256', php($build, $alone + $first)['output']);

// Status, and refused calls.
$status = '$remote = Pillion\status()["remote"]; unset($remote["url"]); echo json_encode($remote), "\n";';
echo php($status, $first)['output'], php($status)['output'];
$refused = '
    foreach (["push", "pull"] as $name) {
        try {
            var_dump(("Pillion\\\\Artifacts\\\\$name")("00000000000000ac")->wait(30));
        } catch (Pillion\Exception $exception) {
            printf("%s(%d): %s\n", $exception::class, $exception->getCode(), $exception->getMessage());
        }
    }
';
echo php($refused)['output'], php($refused, ['remote_mode' => 'off'] + $first)['output'], php($refused, ['remote_mode' => 'read'] + $first)['output'];
echo php($refused, $first)['output'];
thrown(fn () => Artifacts\pull('no key'));
?>
--EXPECT--
["MISS","2eccb077c71e1f91","SHA256",true]
pulls {"miss":1}
pushes {"stored":1}
["HIT","2eccb077c71e1f91","SHA256",true]
pulls {"hit":1}
pushes []
bool(true)
int(1)
bool(true)
bool(false)
[8,{"os":"linux"},1.5,"HIT",true]
bool(true)
NULL
["HIT","2eccb077c71e1f91","SHA256",true]
{"enabled":true,"reason":null,"mode":"read-write","reading_paused":false,"writing_paused":false}
{"enabled":false,"reason":null,"mode":"read-write","reading_paused":false,"writing_paused":false}
Pillion\ConfigException(100): remote.url is not set; set it to the URL of a gateway of remote artifacts
Pillion\ConfigException(100): remote.url is not set; set it to the URL of a gateway of remote artifacts
Pillion\ConfigException(100): remote.mode: found off; expected read or read-write to use remote artifacts
Pillion\ConfigException(100): remote.mode: found off; expected read or read-write to use remote artifacts
Pillion\ConfigException(100): remote.mode: found read; expected read-write to send artifacts
NULL
Pillion\InvalidRequestException(200): key: 00000000000000ac is not in the cache
NULL
ValueError(0): Pillion\Artifacts\pull(): Argument #1 ($key) must be 16 lower-case hexadecimal digits
