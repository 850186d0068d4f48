--TEST--
Errors of huge arrays and long texts are short and immediate
--INI--
memory_limit=256M
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$short = function (callable $call): void {
    $begun = microtime(true);
    $thrown = caught($call);
    $message = preg_replace('/([kn])\1{9,}…?/', '$1$1…', $thrown->getMessage());
    printf("%s(%d): %s\n", $thrown::class, $thrown->getCode(), strlen($message) > 300 ? substr($message, 0, 100) . ' … ' . substr($message, -100) : $message);
    if (strlen($thrown->getMessage()) > 16 << 10 || microtime(true) - $begun > 10) {
        printf("  %d bytes, %.1f s\n", strlen($thrown->getMessage()), microtime(true) - $begun);
    }
};
$long = str_repeat('k', 1 << 20);
$short(fn () => Pillion\Velox\key(request([$long => array_fill(0, 99_000, INF)])));
$short(fn () => Pillion\Velox\key(request(['note' => array_fill(0, 90_000, $long)])));
$short(fn () => Pillion\Velox\key(request(['note' => [$long => [$long => [$long => [$long => 1]]]]])));
$short(fn () => Pillion\Velox\key(request(['plugins' => array_fill(0, 1000, [$long => NAN, 'tag' => "\xff"])])));
$short(fn () => Pillion\Velox\key(request(['plugins' => array_fill(0, 1000, 'x')])));
$short(fn () => Pillion\Velox\key(request(['plugins' => array_fill(0, 1000, ['module_name' => str_repeat('m', 500), 'tag' => 'v1'])])));
$short(fn () => Pillion\Velox\key(request(['plugins' => array_fill(0, 10_000, ['module_name' => 'm', 'tag' => 'v1'])])));
$short(fn () => Pillion\Velox\key(request(['rr_version' => $long])));
$short(fn () => Pillion\Velox\key(request(["\xff\xfe" => [NAN]])));
$file = a_file('binary');
$put = fn (array $meta) => fn () => Pillion\Artifacts\put('2eccb077c71e1f91', $file, $meta)->wait(30);
$short($put(['config' => ['x' => $long]]));
$short($put(array_fill_keys(array_map(fn ($n) => "unknown$n", range(1, 200)), 1)));
$short($put([str_repeat('n', 5000) => 1]));
$short($put(['config' => array_fill(0, 200, NAN)]));
$short($put(range(0, 100_000)));
var_dump(Pillion\Artifacts\find('2eccb077c71e1f91'));
// A process without the index reads the longest accepted configuration from disk.
echo Pillion\Artifacts\put('2eccb077c71e1f91', $file, ['config' => ['x' => str_repeat('x', (1 << 20) - 5000)]])->wait(30)->size, "\n";
echo php(
    'Pillion\Artifacts\clean()->wait(30); echo strlen(Pillion\Artifacts\find("2eccb077c71e1f91")->config["x"]), "\n";',
    ['run_dir' => scratch('another')],
)['output'];
var_dump(memory_get_peak_usage() < 64 << 20, Pillion\status()['heap']['bytes'] < 16 << 20);
?>
--EXPECT--
Pillion\InvalidRequestException(200): kk…[0]: must be a finite number; kk…[1]: must be a finite number; kk…[2]: must be a finite num …  must be a finite number; kk…[19]: must be a finite number; request: and 98980 more that are wrong
Pillion\InvalidRequestException(200): note[3]: is where the texts of all get longer than 4194304 bytes
Pillion\InvalidRequestException(200): note.kk….kk….kk….kk…: is where the texts of all get longer than 4194304 bytes
Pillion\InvalidRequestException(200): plugins[0].kk…: must be a finite number; plugins[0].tag: must be valid UTF-8; plugins[1].kk…: mu … .tag: must be valid UTF-8; plugins[3].kk…: is where the texts of all get longer than 4194304 bytes
Pillion\InvalidRequestException(200): plugins[0]: must be an object, not a string; plugins[1]: must be an object, not a string; plugins[2] … ins[48]: must be an object, not a string; plugins[49]: must be an object, not a string; and 950 more
Pillion\InvalidRequestException(200): request: its texts must be at most 262144 bytes long in all, and are 502000
Pillion\InvalidRequestException(200): plugins: must have at most 1000 entries, and has 10000
Pillion\InvalidRequestException(200): rr_version: must be at most 4096 bytes long, and is 1048576
Pillion\InvalidRequestException(200): ��[0]: must be a finite number
Pillion\InvalidRequestException(200): meta.config: must be at most 1044480 bytes long as indented JSON
Pillion\InvalidRequestException(200): meta.unknown1: is not known; config, ttl, build_seconds and replace are; meta.unknown2: is not known …  replace are; meta.unknown50: is not known; config, ttl, build_seconds and replace are; and 150 more
Pillion\InvalidRequestException(200): meta.nn…: is not known; config, ttl, build_seconds and replace are
Pillion\InvalidRequestException(200): meta.config[0]: must be a finite number; meta.config[1]: must be a finite number; meta.config[2]: mu … must be a finite number; meta.config[19]: must be a finite number; meta: and 180 more that are wrong
Pillion\InvalidRequestException(200): meta: has too many elements
NULL
8
1043576
bool(true)
bool(true)
