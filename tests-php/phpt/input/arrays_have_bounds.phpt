--TEST--
However much is wrong in an array, and however long its texts are, the answer is short and comes at once
--INI--
memory_limit=256M
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$short = function (callable $call): void {
    $begun = microtime(true);
    $thrown = caught($call);
    $message = preg_replace('/k{10,}…?/', 'kk…', $thrown->getMessage());
    printf("%s(%d): %s\n", $thrown::class, $thrown->getCode(), strlen($message) > 900 ? substr($message, 0, 120) . ' … ' . substr($message, -120) : $message);
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
// The longest that is taken is there for a process that has only the disk.
echo Pillion\Artifacts\put('2eccb077c71e1f91', $file, ['config' => ['x' => str_repeat('x', (1 << 20) - 5000)]])->wait(30)->size, "\n";
echo php(
    'Pillion\Artifacts\clean()->wait(30); echo strlen(Pillion\Artifacts\find("2eccb077c71e1f91")->config["x"]), "\n";',
    ['run_dir' => scratch('another')],
)['output'];
var_dump(memory_get_peak_usage() < 64 << 20, Pillion\status()['heap']['bytes'] < 16 << 20);
?>
--EXPECT--
