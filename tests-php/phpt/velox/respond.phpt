--TEST--
response() decides by the settings and the client's request, and respond() needs a web server
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(settings: ['delivery' => 'sendfile', 'delivery_url' => '/_pillion']);

use Pillion\Velox;

/** Holds the lock of `pillion serve`. @return resource */
function serving()
{
    $directory = ini_get('pillion.run_dir');
    is_dir($directory) || mkdir($directory, 0700);
    $lock = fopen("$directory/serve.lock", 'c');
    flock($lock, LOCK_EX);

    return $lock;
}

// Without a server PHP starts the build itself.
$alone = Velox\response(request_of('v9.9.8'));
var_dump($alone['status'], json_decode($alone['body'])->status);
Velox\build(request_of('v9.9.8'))->wait(30);
$server = serving();
$miss = Velox\response(request());
var_dump($miss['status'], $miss['body'], preg_replace('~[\w-]{136}$~', 'TICKET', $miss['headers']['Location']));
$artifact = Velox\build(request())->wait(30);
$hit = Velox\response(request(), ['method' => 'get', 'headers' => ['accept' => ['*/*']]]);
var_dump($hit['status'], $hit['headers']['X-Sendfile'] === $artifact->path, $hit['headers']['Content-Disposition']);
$errors = Velox\response(['rr_version' => []], ['method' => 'HEAD']);
var_dump($errors['status'], $errors['body'], $errors['headers']['Content-Type']);
// Values of other types in the description of a client count as absent.
var_dump(Velox\response(request(), ['method' => 1, 'uri' => null, 'headers' => ['Range' => [], 7 => 'x', 'If-Range' => [[]]]])['status']);
// The lock goes with its directory, which is created again if it was removed. A cached binary needs no file in it.
remove(ini_get('pillion.run_dir'));
var_dump(Velox\response(request_of('v9.9.7'))['status']);
Velox\build(request_of('v9.9.7'))->wait(30);
$server = serving();
var_dump(Velox\response(request_of('v9.9.9'))['status']);
$ended = php('
    remove(ini_get("pillion.run_dir") . "/requests");
    touch(ini_get("pillion.run_dir") . "/requests");
    var_dump(Pillion\Velox\response(request())["status"], Pillion\Velox\response(request_of("v9.9.9"))["status"]);
', ['delivery' => 'ticket']);
echo $ended['output'];
remove(ini_get('pillion.run_dir') . '/requests');
remove(ini_get('pillion.state_dir'));
var_dump(Velox\response(request_of('v9.9.9'))['status']);
try {
    Velox\respond(request());
} catch (Pillion\StateException $refused) {
    echo get_class($refused), ' ', $refused->getCode(), ': ', strtok($refused->getMessage(), ':'), "\n";
}
?>
--EXPECT--
int(202)
string(8) "building"
int(303)
string(0) ""
string(25) "/_pillion/delivery/TICKET"
int(200)
bool(true)
string(45) "attachment; filename="roadrunner-linux-amd64""
int(400)
string(0) ""
string(16) "application/json"
int(200)
int(202)
int(303)
int(303)
int(500)
int(303)
Pillion\StateException 800: respond() needs a web server that takes PHP's headers
