--TEST--
APCu's functions store, change and remove values in a space of their own
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['apcu' => 'on']);

use Pillion\Cache;

function show(mixed ...$values): void
{
    echo implode(' ', array_map(json_encode(...), $values)), "\n";
}

set_error_handler(function (int $level, string $message): bool {
    echo "$message\n";

    return true;
});

// A stored false is a hit.
show(apcu_store('no', false), apcu_fetch('no', $hit), $hit, apcu_fetch('none', $hit), $hit);
show(apcu_store('list', ['a' => [1, 2.5, null]]), apcu_fetch('list'), apcu_fetch('list'), apcu_exists('list'));
show(apcu_store(['x' => 1, 7 => 'seven']), apcu_fetch(['x', '7', 'none'], $hit), $hit, apcu_exists(['x', 'none']));
show(apcu_add('x', 2), apcu_add(['x' => 2, 'y' => 3]), apcu_fetch('x'), apcu_fetch(7));
show(apcu_delete('x'), apcu_delete('x'), apcu_delete(['y', 'none']));
show(apcu_store('key without a value'), apcu_store('null', null), apcu_fetch('null', $hit), $hit);

// Integers.
show(apcu_inc('n'), apcu_inc('n', 4, $done), $done, apcu_dec('n', 2), apcu_dec('m'), apcu_cas('n', 3, 10), apcu_cas('n', 3, 11), apcu_fetch('n'));
show(apcu_inc('list', 1, $done), $done, apcu_cas('list', 0, 1), apcu_cas('none', 0, 1), apcu_store('max', PHP_INT_MAX), apcu_inc('max') === PHP_INT_MIN);

// Objects are copies.
$object = new ArrayObject([1]);
apcu_store('object', $object);
apcu_fetch('object')[] = 2;
show(count(apcu_fetch('object')), get_debug_type(apcu_fetch('object')));
class Holder { public bool $flag = false; public array $list = []; }
$holder = new Holder();
apcu_fetch('n', $holder->flag);
show($holder->flag);
thrown(function () use ($holder) { apcu_fetch('n', $holder->list); });

// Bad calls warn, as APCu's do.
show(apcu_store(new stdClass(), 1), apcu_store('handle', STDIN), apcu_fetch([1, 'n']), apcu_exists([null]), apcu_delete([1]), apcu_delete(1.5), apcu_delete(new stdClass()));
thrown(fn () => apcu_store('closure', fn () => 1));
thrown(fn () => apcu_fetch(new stdClass()));
thrown(fn () => apcu_inc([]));
$deep = [];
for ($i = 0; $i < 600; ++$i) {
    $deep = [$deep, new stdClass()];
}
show(apcu_store('deep', $deep), apcu_exists('closure'));

// Lifetimes.
show(apcu_store('short', 1, 1), apcu_store('over', 1, -1), apcu_exists('over'), apcu_key_info('short')['ttl'], apcu_key_info('n')['ttl'], apcu_key_info('none'));
until(fn () => !apcu_exists('short'));

// One callback a key, also nested; one that throws leaves nothing.
show(apcu_entry('outer', fn ($key) => $key . apcu_entry('inner', fn ($key) => " $key")), apcu_entry('outer', fn () => 'again'), apcu_fetch('inner'));
thrown(fn () => apcu_entry('bad', fn () => throw new LogicException('no value')));
show(apcu_exists('bad'));
$first = php_start('echo apcu_entry("shared", function () { touch(scratch("begun")); until(fn () => is_file(scratch("go"))); return "of one"; });');
until(fn () => is_file(scratch('begun')));
$second = php_start('touch(scratch("second")); echo apcu_entry("shared", fn () => "of another");');
until(fn () => is_file(scratch('second')));
touch(scratch('go'));
show(php_end($first)['output'], php_end($second)['output']);

// Neither space shows the other.
Cache\set('n', 'of Pillion');
show(apcu_fetch('n'), Cache\get('n'), Cache\keys(), Cache\has('list'));
show(php('echo json_encode([apcu_fetch("n"), Pillion\Cache\get("n")]);')['output']);
$info = apcu_cache_info(true);
show($info['num_entries'] === count(apcu_cache_info()['cache_list']), apcu_sma_info(true)['num_seg']);
show(apcu_clear_cache(), apcu_fetch('n'), Cache\get('n'), apcu_cache_info(true)['num_entries']);
apcu_store('kept', 1);
Cache\clear();
show(apcu_fetch('kept'));
preg_match_all('/^service_cache_(?:hits|misses)_total.*key_type="apcu"} [1-9]/m', Pillion\Metrics\render(), $lines);
show(count($lines[0]));

// Off.
$off = 'ini_set("display_errors", "0"); $answers = [apcu_enabled(), apcu_store("a", 1), apcu_store(["a" => 1]), apcu_fetch("a"), apcu_inc("a"), apcu_cache_info(), apcu_entry("a", fn () => 1)];
    try { new APCUIterator(); } catch (Error $error) { $answers[] = $error->getMessage(); } echo json_encode($answers);';
show(php($off, options: ['-d', 'apc.enable_cli=0'])['output'] === php($off, options: ['-d', 'apc.enabled=off'])['output']);
echo php($off, ['cache_enabled' => 'off'])['output'], "\n";
?>
--EXPECT--
true false true false false
true {"a":[1,2.5,null]} {"a":[1,2.5,null]} true
[] {"x":1,"7":"seven"} true {"x":true}
false {"x":-1} 1 "seven"
true false ["none"]
false true null true
1 5 true 3 -1 true false 10
false false false false true true
1 "ArrayObject"
true
TypeError(0): Cannot assign bool to reference held by property Holder::$list of type array
apcu_store(): apc_store expects key parameter to be a string or an array of key/value pairs.
apcu_store(): Cannot store resources in apcu cache
apcu_fetch(): apc_fetch() expects a string or array of strings.
apcu_exists(): apc_exists() expects a string or array of strings.
apcu_delete(): apc_delete() expects a string, array of strings, or APCIterator instance
apcu_delete(): apc_delete() expects a string, array of strings, or APCIterator instance
apcu_delete(): apc_delete object argument must be instance of APCUIterator.
false false {"n":10} [] [1] false false
Exception(0): Serialization of 'Closure' is not allowed
Error(0): Object of class stdClass could not be converted to string
TypeError(0): apcu_inc(): Argument #1 ($key) must be of type string, array given
apcu_store(): Cannot store an array that has more than 512 levels or contains itself
false false
true true false 1 0 null
"outer inner" "outer inner" " inner"
LogicException(0): no value
false
"of one" "of one"
10 "of Pillion" ["n"] false
"[10,\"of Pillion\"]"
true 1
true false "of Pillion" 0
1
2
true
[false,false,{"a":-1},false,false,false,null,"APC must be enabled to use APCUIterator"]
