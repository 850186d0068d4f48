--TEST--
capture() accepts any content: invalid text is replaced, objects named, excess cut
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

enum Suit: string { case Hearts = 'H'; }
enum Plain { case One; }
final class Money implements JsonSerializable {
    public function __construct(private mixed $is) {}
    public function jsonSerialize(): mixed { return is_callable($this->is) ? ($this->is)($this) : $this->is; }
}
final class Point { public int $x = 1; }

$loop = ['name' => 'loop'];
$loop['self'] = &$loop;
for ($deep = ['end'], $i = 0; $i < 100; $i++) {
    $deep = ['d' => $deep];
}
$changing = ['a' => 1, 'b' => new Money(function () use (&$changing) { $changing = null; return gc_collect_cycles() * 0; }), 'c' => 3];
$values = [
    'utf8' => "Duplicate entry \xf5\xe0 for key",
    "key\xff" => 1,
    'inf' => [INF, -INF, NAN, 1.5, -0.0],
    'time' => new DateTimeImmutable('2026-11-28 12:00:00.5', new DateTimeZone('+01:00')),
    'enums' => [Suit::Hearts, Plain::One],
    'money' => new Money(['amount' => 5, 'at' => new DateTime('@0')]),
    'nested' => new Money(new Money(new Point())),
    'throws' => new Money(fn () => throw new RuntimeException('no')),
    'itself' => new Money(fn ($self) => $self),
    'without_end' => new Money($more = function () use (&$more) { return new Money($more); }),
    'object' => new Point(),
    'anonymous' => new class {},
    'closure' => fn () => 1,
    'file' => STDIN,
    'changing' => &$changing,
    'references' => [&$i, [5 => 'five']],
];
$captured = [];
foreach ($values as $key => $value) {
    $captured[] = Sentry\capture(['message' => (string) count($captured), 'extra' => [$key => &$values[$key]]]);
}
$captured[] = Sentry\capture(['message' => (string) count($captured), 'extra' => $loop]);
$captured[] = Sentry\capture(['message' => (string) count($captured), 'extra' => ['deep' => $deep]]);
$captured[] = Sentry\capture(['message' => (string) count($captured), 'extra' => ['body' => str_repeat('ü', 3 << 20)]]);
$captured[] = Sentry\capture(['message' => (string) count($captured), 'extra' => array_fill(0, 200, str_repeat("\1", 60_000))]);
$captured[] = Sentry\capture(['message' => (string) count($captured), 'extra' => ['list' => range(1, 200_000)]]);
$captured[] = Sentry\capture([1, 'event_id' => uniqid('sentry_', true), 'message' => (string) count($captured)]);
var_dump(count(array_filter($captured, fn ($id) => 32 === strlen((string) $id))) === count($captured), Sentry\flush(30));
$seen = array_map(fn ($one) => $one['items'][0][1], $sentry->seen());
usort($seen, fn ($a, $b) => (int) $a['message'] <=> (int) $b['message']);
foreach ($seen as $event) {
    $json = json_encode($event['extra'] ?? null, JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES);
    $depth = substr_count($json, '{"d":');
    $json = preg_replace(['/(\{"d":)+/', '/\}{3,}$/'], ["$depth × {\"d\":", '}'], $json);
    echo strlen($json) < 300 ? $json : (strlen($json) < 1 << 20 ? 'cut ' : 'whole ') . strstr($json, '… ('), "\n";
}
var_dump(count($seen) === count($captured));

// Code of an object that calls exit() ends the script.
$ended = php('
    register_shutdown_function(fn () => print(json_encode(Pillion\Sentry\capture(["message" => "after"]) !== null)));
    Pillion\Sentry\capture(["x" => new class implements JsonSerializable { public function jsonSerialize(): mixed { exit("ended "); } }]);
    echo "not reached";
');
echo $ended['output'], "\n";
?>
--EXPECT--
bool(true)
bool(true)
{"utf8":"Duplicate entry �� for key"}
{"key�":1}
{"inf":[null,null,null,1.5,-0]}
{"time":"2026-11-28T12:00:00.500000+01:00"}
{"enums":["H","One"]}
{"money":{"amount":5,"at":"1970-01-01T00:00:00.000000+00:00"}}
{"nested":"Point"}
{"throws":"Money"}
{"itself":"Money"}
{"without_end":"Money"}
{"object":"Point"}
{"anonymous":"class@anonymous"}
{"closure":"Closure"}
{"file":"resource (stream)"}
{"changing":{"a":1,"b":0,"c":3}}
{"references":[100,{"5":"five"}]}
{"name":"loop","self":"*RECURSION*"}
{"deep":31 × {"d":"… (array of 1)"}
cut … (6291456 bytes)"}
cut … (60000 bytes)","… (197 more)"]
cut … (150003 more)"]}
null
bool(true)
ended true
