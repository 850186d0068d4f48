--TEST--
The middleware replaces a response that asks for a binary, and no other
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();
require __DIR__ . '/../../../php/tests/http.php';
require __DIR__ . '/../../../php/src/Http/DeliveryMiddleware.php';

use Pillion\Bridge\Http\DeliveryMiddleware;
use Pillion\Tests\Http\{Factory, Handler, Request, Response};

$factory = new Factory();
$middleware = new DeliveryMiddleware($factory, $factory);
$answer = fn (int $status, array $headers, string $body) => $middleware->process(
    new Request('GET', '/build?a=1', ['Accept' => ['*/*']]),
    new Handler(fn () => new Response($status, $headers, $factory->createStream($body))),
);
$build = json_encode(request());
foreach ([[200, [], 'text'], [200, ['X-Velox-Build' => ['True']], $build], [500, ['X-Velox-Build' => ['true']], $build]] as [$status, $headers, $body]) {
    $passed = $answer($status, $headers, $body);
    var_dump($passed->getBody()->reads === 0 && (string) $passed->getBody() === $body && $passed->getStatusCode() === $status);
}
$miss = $answer(200, ['x-velox-build' => ['true']], $build);
var_dump($miss->getStatusCode(), $miss->getHeader('Location'), json_decode((string) $miss->getBody())->status);
$artifact = Pillion\Velox\build(request())->wait(30);
$hit = $answer(200, ['X-Velox-Build' => ['true']], $build);
var_dump($hit->getStatusCode(), $hit->getHeader('X-Cache-Status'), (string) $hit->getBody() === file_get_contents($artifact->path));
$invalid = $answer(200, ['X-Velox-Build' => ['true']], '{"rr_version":');
var_dump($invalid->getStatusCode(), json_decode((string) $invalid->getBody())->error);
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
int(202)
array(1) {
  [0]=>
  string(10) "/build?a=1"
}
string(8) "building"
int(200)
array(1) {
  [0]=>
  string(3) "HIT"
}
bool(true)
int(400)
string(15) "invalid_request"
