--TEST--
key() and find() read any request as explain() does, which converts it to JSON first, and as PHP would by hand
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Velox;

/** The key of a request in snake case with all its texts in place. */
function by_hand(array $request): string
{
    $lower = static fn (string $text): string => strtolower(trim($text));
    $plugins = array_map(static fn (array $plugin): array => ['module' => $lower($plugin['module_name']), 'tag' => $lower($plugin['tag'])], $request['plugins']);
    usort($plugins, static fn (array $one, array $other): int => strcmp($one['module'], $other['module']) ?: strcmp($one['tag'], $other['tag']));
    $configuration = [
        'rr_version' => $lower($request['rr_version']),
        'os' => $lower($request['target_platform']['os']),
        'arch' => $lower($request['target_platform']['arch']),
        'plugins' => $plugins,
    ];
    $json = json_encode($configuration, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE);
    $escaped = strtr($json, ['<' => '\u003c', '>' => '\u003e', '&' => '\u0026']);

    return substr(hash('sha256', $escaped), 0, 16);
}

/** The result of each function, or its exception. */
function told(callable $call): string
{
    try {
        return (string) $call();
    } catch (Pillion\InvalidRequestException $thrown) {
        return $thrown->getMessage();
    }
}

function same(string $what, array $request): string
{
    [$key, $explained] = [told(fn () => Velox\key($request)), told(fn () => Velox\explain($request)['key'])];
    // Nothing is found, but a wrong request is refused.
    $found = told(fn () => Velox\find($request)?->key ?? $key);
    if ($key !== $explained || $key !== $found) {
        echo "$what: $key, $explained, $found: ", serialize($request), "\n";
    }

    return $key;
}

final class Encodable implements JsonSerializable, ArrayAccess, IteratorAggregate
{
    public function jsonSerialize(): array { return request(); }
    public function offsetExists(mixed $offset): bool { return true; }
    public function offsetGet(mixed $offset): mixed { return request()[$offset]; }
    public function offsetSet(mixed $offset, mixed $value): void {}
    public function offsetUnset(mixed $offset): void {}
    public function getIterator(): Iterator { return new ArrayIterator(request()); }
}

mt_srand(14);
$one = static fn (array $of) => $of[array_rand($of)];
$letters = static fn (int $most) => implode('', array_map(static fn () => $one(['a', 'B', 'c', 'Z', '/', '.', '-', '0', '<', '&', '>', '"', '\\', ' ']), range(0, mt_rand(0, $most))));
$text = static fn () => $one([' ', '', "\t"]) . 'm' . $letters(20) . $one(['x', 'X']) . $one(["\n", '']);

// Right ones: as by hand.
for ($i = 0; $i < 1500; ++$i) {
    $request = [
        'plugins' => array_map(static fn () => ['module_name' => $text(), 'tag' => $text()], range(0, mt_rand(0, 30))),
        'target_platform' => ['arch' => 'ARM64 ', 'os' => $one(['linux', 'Darwin'])],
        'rr_version' => $one(['v2025.1.2', ' master', 'v1.2.3-RC.1', 'abcdef0']),
    ];
    $key = same('right', $request);
    if ($key !== by_hand($request)) {
        echo "by hand: $key: ", serialize($request), "\n";
    }
    // In other words, and by reference.
    $other = ['rrVersion' => &$request['rr_version'], 'force_rebuild' => true, 'race' => null, 'excludes' => []];
    $other['targetPlatform'] = $request['target_platform'];
    foreach (array_reverse($request['plugins']) as $n => $plugin) {
        $other['plugins'][$n] = $n % 2 ? ['tag' => &$request['plugins'][0]['tag'], 'moduleName' => &$request['plugins'][0]['module_name']] : $plugin;
    }
    foreach ($other['plugins'] as $n => &$plugin) {
        $plugin = array_reverse($request['plugins'])[$n];
    }
    unset($plugin);
    if (same('in other words', $other) !== $key) {
        echo "in other words: $key: ", serialize($other), "\n";
    }
}

// Any: as explain().
$odd = [null, true, false, 0, 5, -1.5, NAN, INF, '', ' ', "\xff", "a\0b", "\u{a0}m\u{2028}", 'İΣ', str_repeat('x', 4096), str_repeat(' ', 4097), [], ['a'], [1 => 'a'], [[]], new Encodable(), STDIN, fn () => 1, (object) []];
$values = [...$odd, 'm', 'v1.2.3', 'linux', ['os' => 'linux'], ['os' => null, 'arch' => ' A'], ['os' => '', 'cpu' => 1]];
$fields = ['request_id', 'requestId', 'rr_version', 'rrVersion', 'target_platform', 'targetPlatform', 'plugins', 'replaces', 'excludes', 'force_rebuild', 'forceRebuild', 'race', 'debug', 'note', '0', 7, '', "\xff"];
$parts = ['module_name', 'moduleName', 'tag', 'old', 'new', 'module', 'version', 'note', 3];
$refused = 0;
for ($i = 0; $i < 4000; ++$i) {
    $request = request();
    for ($changes = mt_rand(1, 3); $changes > 0; --$changes) {
        $value = $one($values);
        $field = $one($fields);
        match (mt_rand(0, 4)) {
            0, 1 => $request[$field] = $value,
            2 => $request['plugins'] = [...request()['plugins'], [...request()['plugins'][0], $one($parts) => $value]],
            3 => $request[$one(['replaces', 'excludes'])] = array_fill(mt_rand(0, 1), mt_rand(0, 3), [$one($parts) => $value, $one($parts) => 'm', $one($parts) => 'v1']),
            4 => [$request, $request['target_platform']] = [array_reverse($request, true), [$one(['os', 'arch', 'x', 1]) => $value]],
        };
        // Now and then by reference, in the array and behind it.
        mt_rand(0, 3) || $request[$field] = &$values[array_rand($values)];
    }
    $refused += strlen(same('any', $request)) === 16 ? 0 : 1;
}
var_dump($refused > 1000 && $refused < 3500);

// Lists with holes, lists that are no packed arrays, and arrays that hold themselves.
$holes = request();
unset($holes['plugins'][0]);
echo same('holes', $holes), "\n";
$sparse = request(['plugins' => ['x' => 1, 0 => request()['plugins'][1], 1 => request()['plugins'][0]]]);
unset($sparse['plugins']['x']);
echo same('not packed', $sparse), "\n";
$turned = request(['plugins' => [1 => request()['plugins'][1], 0 => request()['plugins'][0]]]);
echo same('turned', $turned), "\n";
$self = request();
$self['plugins'][] = &$self;
echo preg_replace('/(\Q.plugins[2]\E)+/', '$1…', same('itself', $self)), "\n";
// An array of variables, and one that is changed in place: the same memory, another key.
$rr_version = 'master';
$plugins = request()['plugins'];
echo same('variables', compact('rr_version', 'plugins')), "\n";
$changing = request();
$keys = [Velox\key($changing)];
foreach (['v5.2.8', 'v5.2.9', 'v5.2.7'] as $tag) {
    $changing['plugins'][0]['tag'] = $tag;
    $keys[] = Velox\key($changing);
}
var_dump(count(array_unique($keys)), $keys[0] === $keys[3]);
// The bounds of a request.
foreach ([1000, 1001] as $count) {
    echo same('many', request(['plugins' => array_fill(0, $count, ['module_name' => 'm', 'tag' => 't'])])), "\n";
}
foreach ([str_repeat('m', 255), str_repeat('m', 262), str_repeat(' ', 3000) . 'm', str_repeat(' ', 4096) . 'm', str_repeat(' ', 4097) . str_repeat('m', 255)] as $module) {
    echo same('long', request(['plugins' => array_fill(0, 1000, ['module_name' => $module, 'tag' => 't'])])), "\n";
}
?>
--EXPECT--
bool(true)
plugins: must be a list with the keys 0, 1, 2 and so on; array_values() makes one
2eccb077c71e1f91
plugins: must be a list with the keys 0, 1, 2 and so on; array_values() makes one
plugins[2].plugins[2]….plugins[0]: nests too deep; plugins[2].plugins[2]….plugins[1]: nests too deep; plugins[2].plugins[2]…: nests too deep
1090b919a6384004
int(3)
bool(true)
67667a15c844e3a2
plugins: must have at most 1000 entries, and has 1001
f9c0c28e1ca844b8
request: its texts must be at most 262144 bytes long in all, and are 263000
67667a15c844e3a2
67667a15c844e3a2
plugins[960].module_name: is where the texts of all get longer than 4194304 bytes
