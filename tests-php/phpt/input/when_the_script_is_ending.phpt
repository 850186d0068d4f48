--TEST--
Every function can be called in every phase of a script's end without a crash
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox();

$prelude = '
    final class Late
    {
        public static array $kept = [];

        public function __construct(public string $name)
        {
        }

        public function __destruct()
        {
            everything($this->name);
        }
    }

    function everything(string $where): void
    {
        $done = 0;
        foreach ([
            fn () => Pillion\status(),
            fn () => Pillion\notifier(),
            fn () => Pillion\completed(),
            fn () => Pillion\select([], 0.1),
            fn () => Pillion\Velox\key(request()),
            fn () => Pillion\Velox\find(request())?->config,
            fn () => Pillion\Velox\explain(request()),
            fn () => Pillion\Velox\builds(),
            fn () => Pillion\Velox\status("nobody"),
            fn () => Pillion\Artifacts\entries(),
            fn () => Pillion\Artifacts\stats(),
            fn () => Pillion\Artifacts\find("2eccb077c71e1f91")?->verify(),
            fn () => Pillion\Artifacts\clean()->wait(10),
            fn () => Pillion\select([Pillion\Velox\build(request_of("v1.0." . random_int(0, 9999)))], 10),
            fn () => Pillion\Velox\build(request_of("v2.0." . random_int(0, 9999)))->cancel(),
        ] as $call) {
            try {
                $call();
                ++$done;
            } catch (Pillion\Exception $e) {
                echo get_class($e), " ";
            }
        }
        echo "$where $done\n";
    }

    Late::$kept[] = new Late("static");
    Late::$kept[] = Pillion\Velox\build(request());
    $GLOBALS["global"] = new Late("global");
    register_shutdown_function(fn () => everything("shutdown"));
    register_shutdown_function(fn () => register_shutdown_function(fn () => everything("nested")));
    $future = Pillion\Velox\build(request());
    $future->wait(30);
';
// Blocks of half a chunk of PHP's memory: the rest of each chunk is left for the shutdown functions.
$ends = [
    'returns' => '',
    'exits' => 'exit(3);',
    'throws' => 'throw new Exception("x");',
    'throws while something is thrown' => 'try { throw new Exception("a"); } finally { throw $future->cancel() ? new Error("b") : new Error("c"); }',
    'has no memory left' => 'ini_set("memory_limit", "8M"); $all = []; while (true) { $all[] = str_repeat("x", 1 << 20); }',
    'calls what is not there' => 'nothing();',
    'is ended in a destructor' => '$dies = new class { public function __destruct() { everything("dying"); exit(4); } }; unset($dies);',
    'ends in an output handler' => 'ob_start(function ($text) { Pillion\status(); return $text . Pillion\Velox\find(request())?->key . "\n"; });',
    'has a cycle' => '$a = new Late("cycle"); $a->self = $a; $a->future = $future; unset($a, $future); gc_collect_cycles();',
];
foreach ($ends as $name => $code) {
    $ended = php($prelude . $code, [], ['-d', 'display_errors=0', '-d', 'html_errors=0', '-d', 'error_log=/dev/null']);
    printf("%s: exit %s, signal %s: %s\n", $name, $ended['exit'] ?? '-', $ended['signal'] ?? '-', str_replace("\n", ', ', trim($ended['output'])));
}
?>
--EXPECT--
returns: exit 0, signal -: shutdown 15, nested 15, global 15, static 15
exits: exit 3, signal -: shutdown 15, nested 15, global 15, static 15
throws: exit 255, signal -: shutdown 15, nested 15, global 15, static 15
throws while something is thrown: exit 255, signal -: shutdown 15, nested 15, global 15, static 15
has no memory left: exit 255, signal -: shutdown 15, nested 15
calls what is not there: exit 255, signal -: shutdown 15, nested 15, global 15, static 15
is ended in a destructor: exit 4, signal -: dying 15, shutdown 15, nested 15, global 15, static 15
ends in an output handler: exit 0, signal -: shutdown 15, nested 15, global 15, static 15, 2eccb077c71e1f91
has a cycle: exit 0, signal -: cycle 15, shutdown 15, nested 15, global 15, static 15
