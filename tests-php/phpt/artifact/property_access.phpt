--TEST--
json_encode, foreach, casts, var_dump and comparison see all properties on first access
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

use Pillion\Velox;

Velox\build(request())->wait(30);
$names = ['key', 'path', 'sha256', 'cacheStatus', 'size', 'createdAt', 'expiresAt', 'accessedAt', 'buildSeconds', 'config'];
// Properties are initialized on the first read, so each way to read gets a new artifact.
$ways = [
    'json_encode' => fn ($artifact) => json_decode(json_encode($artifact), true),
    'cast' => fn ($artifact) => (array) $artifact,
    'get_object_vars' => fn ($artifact) => get_object_vars($artifact),
    'foreach' => function ($artifact) {
        foreach ($artifact as $name => $value) {
            $all[$name] = $value;
        }

        return $all;
    },
    'reflection' => function ($artifact) use ($names) {
        foreach ($names as $name) {
            $all[$name] = (new ReflectionProperty($artifact, $name))->getValue($artifact);
        }

        return $all;
    },
    'one by one' => fn ($artifact) => array_combine($names, array_map(fn ($name) => $artifact->$name, $names)),
    'nullsafe, from behind' => fn ($artifact) => array_reverse(array_combine(array_reverse($names), array_map(fn ($name) => $artifact?->$name, array_reverse($names)))),
];
$expected = $ways['one by one'](Velox\find(request()));
foreach ($ways as $name => $way) {
    var_dump($name, array_keys($way(Velox\find(request()))) === $names, $way(Velox\find(request())) == $expected);
}
foreach (['var_dump', 'print_r', 'var_export'] as $function) {
    ob_start();
    $function(Velox\find(request()));
    $text = ob_get_clean();
    var_dump(count(array_filter($names, fn ($name) => str_contains($text, $name))), str_contains($text, $expected['sha256']));
}
[$first, $second] = [Velox\find(request()), Velox\find(request())];
var_dump($first == $second, $first === $second, $first <=> $second, in_array($first, [$second]));
var_dump(isset($first->key, $first->config['plugins'][0]['tag']), isset($second->config['nope']), empty($second->config));
$third = Velox\find(request());
var_dump(property_exists($third, 'config'), array_key_exists('config', (array) $third), $third->config ?? 'none');
?>
--EXPECTF--
string(11) "json_encode"
bool(true)
bool(true)
string(4) "cast"
bool(true)
bool(true)
string(15) "get_object_vars"
bool(true)
bool(true)
string(7) "foreach"
bool(true)
bool(true)
string(10) "reflection"
bool(true)
bool(true)
string(10) "one by one"
bool(true)
bool(true)
string(21) "nullsafe, from behind"
bool(true)
bool(true)
int(10)
bool(true)
int(10)
bool(true)
int(10)
bool(true)
bool(true)
bool(false)
int(0)
bool(true)
bool(true)
bool(false)
bool(false)
bool(true)
bool(true)
array(5) {
%A
}
