--TEST--
PSR-16: keys, lifetimes, several values, prefixes
--FILE--
<?php
require __DIR__ . '/cases.inc';

use Pillion\Bridge\SimpleCache\Cache;
use Psr\SimpleCache\InvalidArgumentException;

final class Broken
{
    public function __wakeup(): void
    {
        throw new Exception('not restored');
    }
}

$cache = new Cache();
$one = new Cache('one*:');
$other = new Cache('other:', 60);

foreach ([null, 0, false, '', 1.5, [1, 'a' => [null]]] as $value) {
    same(true, $cache->set('key', $value), 'set');
    same($value, $cache->get('key', 'none'), 'value');
    same(true, $cache->has('key'), 'has');
}
$object = (object) ['name' => 'stored'];
$cache->set('object', $object);
$object->name = 'changed';
same('stored', $cache->get('object')->name, 'objects are copies');
same('none', $cache->get('missing', 'none'), 'default');
same(true, $cache->delete('missing'), 'delete of a missing value');
same([true, null], [$cache->delete('key'), $cache->get('key')], 'delete');
foreach ([0, -1, new DateInterval('PT0S')] as $ttl) {
    $cache->set('key', 1);
    same([true, false], [$cache->set('key', 2, $ttl), $cache->has('key')], 'a lifetime that is over');
}
same([true, 1], [$cache->set('key', 1, new DateInterval('PT1M')), $cache->get('key')], 'an interval');
same(false, $cache->set('key', fn () => 1), 'a closure');
$cache->set('broken', new Broken());
same(['none', ['broken' => 'none', 'a' => 'none']], [$cache->get('broken', 'none'), $cache->getMultiple(['broken', 'a'], 'none')], 'an object that cannot be restored');
store_object_of_missing_class('gone');
same(['none', ['gone' => null]], [$cache->get('gone', 'none'), $cache->getMultiple(['gone'])], 'an object of a missing class');

$several = (function () {
    yield 'a' => 1;
    yield 7 => 'seven';
})();
same(true, $cache->setMultiple($several, 60), 'setMultiple');
same([1, 'seven'], [$cache->get('a'), $cache->get('7')], 'values of a generator');
$keys = [];
foreach ($cache->getMultiple(new ArrayIterator(['a', '7', 'b']), 'none') as $key => $value) {
    $keys[] = [$key, $value];
}
same([['a', 1], ['7', 'seven'], ['b', 'none']], $keys, 'keys stay strings');
same(true, $cache->deleteMultiple(['a', '7', 'b']), 'deleteMultiple');
same(['a' => null], $cache->getMultiple(['a']), 'after deleteMultiple');

foreach (INVALID_KEYS as $key) {
    foreach (['get', 'has', 'delete', 'set'] as $method) {
        throws(InvalidArgumentException::class, fn () => $cache->$method($key, 1), "$method('$key')");
    }
    foreach (['getMultiple', 'deleteMultiple'] as $method) {
        throws(InvalidArgumentException::class, fn () => $cache->$method(['a', $key]), "$method('$key')");
    }
    throws(InvalidArgumentException::class, fn () => $cache->setMultiple(['a' => 1, $key => 2]), "setMultiple('$key')");
}
same(null, $cache->get('a'), 'nothing is stored beside an invalid key');
throws(InvalidArgumentException::class, fn () => $cache->getMultiple([1]), 'an integer as a key');
throws(InvalidArgumentException::class, fn () => $one->get(str_repeat('k', 65_536)), 'a key that is too long');
same(true, $one->set(str_repeat('k', 65_000), 1), 'a long key');

$one->set('key', 'one');
$other->set('key', 'other');
same(['one', 'other'], [Pillion\Cache\get('one*:key'), Pillion\Cache\get('other:key')], 'prefixes');
Pillion\Cache\set_multiple(array_fill_keys(array_map(fn (int $n): string => "one*:$n", range(1, 10_500)), 1));
same([true, null, 'other'], [$one->clear(), $one->get('key'), $other->get('key')], 'clear of a prefix');
same([], Pillion\Cache\keys('one*'), 'all pages of a prefix');
echo php('require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    $cache = new Pillion\Bridge\SimpleCache\Cache("hashed:");
    $cache->set("key", 1);
    $cache->clear() && $cache->get("key") === null || print("clear of hidden keys");', ['cache_patterns' => 'hashed:* hash=on'])['output'];
same('[null,false,false,true]', php('require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    $cache = new Pillion\Bridge\SimpleCache\Cache("p:");
    echo json_encode([$cache->get("a"), $cache->set("a", 1), $cache->clear(), $cache->getMultiple([]) === []]);', ['cache_enabled' => 0])['output'], 'the cache is off');
for ($n = 0; $n < 3000; ++$n) {
    $other->set("key.$n", $n);
}
same([0, 2999], [$other->get('key.0'), $other->get('key.2999')], 'more keys than an adapter keeps');
same([true, null], [$cache->clear(), $other->get('key')], 'clear');
$load = __DIR__ . '/../../../php/tests/load.php';
echo shell_exec(PHP_BINARY . " -n -r 'require \"$load\"; try { new Pillion\Bridge\SimpleCache\Cache(); } catch (LogicException \$e) { echo \$e->getMessage(); }'"), "\n";
?>
--EXPECT--
Pillion\Bridge\SimpleCache\Cache needs the PHP extension pillion, which is not loaded
