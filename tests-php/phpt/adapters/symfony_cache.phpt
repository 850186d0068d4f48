--TEST--
Symfony's cache: items, contracts, metadata, tags, namespaces
--FILE--
<?php
require __DIR__ . '/cases.inc';

use Pillion\Bridge\Symfony\CacheAdapter;
use Psr\Cache\InvalidArgumentException;

final class Broken
{
    public function __wakeup(): void
    {
        throw new Exception('not restored');
    }
}

$cache = new CacheAdapter('shop');
same(1, $cache->get('one', fn () => 1, metadata: $metadata), 'a computed value');
same([1, []], [$cache->get('one', fn () => 2, 0, $metadata), $metadata], 'a stored value');
same(1, Pillion\Cache\get('shop:one'), 'a value without metadata is stored as it is');
same(3, $cache->get('one', function ($item, bool &$save) {
    same([true, 1], [$item->isHit(), $item->get()], 'the item of a forced computation');
    $save = false;

    return 3;
}, INF), 'a forced computation');
same(1, $cache->get('one', fn () => 2), 'a value that is not saved');
same(4, $cache->get('one', fn () => 4, INF) + $cache->get('one', fn () => 5) - 4, 'a forced computation is saved');
throws(InvalidArgumentException::class, fn () => $cache->get('one', fn () => 1, -1.0), 'a negative beta');
same([true, 6], [$cache->delete('one'), $cache->get('one', fn () => 6)], 'delete');

$computed = $cache->get('slow', function ($item) {
    $item->expiresAfter(100)->tag(['a', '7']);
    usleep(2000);

    return ["\0" => 'an array like that of metadata'];
});
foreach ([$cache->getItem('slow')->getMetadata(), (function () use ($cache) {
    $cache->get('slow', fn () => 1, null, $metadata);

    return $metadata;
})()] as $metadata) {
    same([true, true, ['a' => 'a', 7 => '7']], [abs($metadata['expiry'] - microtime(true) - 100) < 50, $metadata['ctime'] >= 2, $metadata['tags']], 'metadata');
}
same($computed, $cache->get('slow', fn () => 1), 'the value beside metadata');
$weird = ["\0" => ['expiry' => 1], "\1" => 2];
$cache->save($cache->getItem('weird')->set($weird));
same($weird, $cache->getItem('weird')->get(), 'an array like that of metadata');
$hits = 0;
for ($n = 0; $n < 50; ++$n) {
    $cache->get('early', function ($item) use (&$hits) {
        ++$hits;
        $item->expiresAfter(100);
        usleep(2000);

        return 1;
    }, 50_000.0);
}
same(true, $hits > 1, 'early expiration');
same(2, $cache->get('outer', fn () => $cache->get('outer', fn () => 1) + $cache->get('inner', fn () => 1)), 'nested computations');
same([2, 1], [$cache->get('outer', fn () => 0), $cache->get('inner', fn () => 0)], 'only the outer one is saved');
throws(DomainException::class, fn () => $cache->get('fails', fn () => throw new DomainException()), 'an exception of the callback');
same(7, $cache->get('fails', fn () => 7), 'after an exception');
$cache->save($cache->getItem('broken')->set(new Broken()));
same([false, 8], [$cache->hasItem('broken'), $cache->get('broken', fn () => 8)], 'an object that cannot be restored');
store_object_of_missing_class('shop:gone');
same([false, 9], [$cache->hasItem('gone'), $cache->get('gone', fn () => 9)], 'an object of a missing class');
same(false, $cache->save($cache->getItem('closure')->set(fn () => 1)), 'a closure');
same(1, $cache->get('closure', fn ($item) => 1), 'after a closure');
same([false, 1], [$cache->save($cache->getItem('closure')->set(fn () => 1)), $cache->getItem('closure')->get()], 'a failure keeps the stored value');
throws(BadMethodCallException::class, fn () => serialize($cache), 'a pool is not a value');

// Tags.
$tagged = fn (string $key, array $tags) => $cache->save($cache->getItem($key)->set($key)->tag($tags));
$tagged('x', ['foo']);
$tagged('y', ['bar']);
$many = array_map(fn (int $n): string => "t$n", range(1, 12));
$tagged('many', $many);
same([true, false, true], [$cache->invalidateTags(['foo', 'unused']), $cache->hasItem('x'), $cache->hasItem('y')], 'invalidateTags');
foreach (['t1', 't8', 't9', 't12'] as $tag) {
    same('many', $cache->getItem('many')->get(), 'more tags than the extension has');
    $cache->invalidateTags([$tag]);
    same(false, $cache->getItem('many')->isHit(), "one of many tags: $tag");
    $tagged('many', $many);
}
same(range(1, 12), array_map(fn (string $tag): int => (int) substr($tag, 1), array_values($cache->getItem('many')->getMetadata()['tags'])), 'all tags');
$cache->saveDeferred($cache->getItem('late')->set(1)->tag('foo'));
same([true, true], [$cache->invalidateTags(['foo']), $cache->hasItem('late')], 'deferred items are stored after an invalidation');
throws(InvalidArgumentException::class, fn () => $cache->invalidateTags(['a:b']), 'an invalid tag');

// Namespaces.
$sub = $cache->withSubNamespace('sub');
$other = new CacheAdapter('other', 60);
$sub->save($sub->getItem('y')->set('sub')->tag('both'));
$tagged('z', ['both']);
$other->save($other->getItem('y')->set('other')->tag('both'));
same(['sub', 'y', 'other'], [$sub->getItem('y')->get(), $cache->getItem('y')->get(), $other->getItem('y')->get()], 'namespaces');
same('sub', Pillion\Cache\get("shop:sub:y")["\1"], 'the key of a sub-namespace');
$cache->invalidateTags(['both']);
same([false, false, true], [$sub->hasItem('y'), $cache->hasItem('z'), $other->hasItem('y')], 'tags of a namespace');
$sub->save($sub->getItem('y'));
same([true, false, true], [$sub->clear(), $sub->hasItem('y'), $cache->hasItem('y')], 'clear of a sub-namespace');
$cache->saveDeferred($cache->getItem('defer')->set(1));
same([true, false, true], [$cache->clear('def'), $cache->hasItem('defer'), $cache->hasItem('y')], 'clear of a prefix');
same([true, false, true], [$cache->clear(), $cache->hasItem('y'), $other->hasItem('y')], 'clear');
throws(InvalidArgumentException::class, fn () => $cache->withSubNamespace('a:b'), 'an invalid namespace');
foreach (INVALID_KEYS as $key) {
    throws(InvalidArgumentException::class, fn () => $cache->get($key, fn () => 1), "get('$key')");
    throws(InvalidArgumentException::class, fn () => $cache->getItems(['a', $key]), "getItems('$key')");
}
foreach ($cache->getItems(['7']) as $key => $item) {
    same(['7', '7'], [$key, $item->getKey()], 'a number as a key');
}

// Two processes.
$code = 'require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    $cache = new Pillion\Bridge\Symfony\CacheAdapter("shop");
    echo $cache->get("shared", function () { touch(scratch("computes")); until(fn () => file_exists(scratch("go"))); return "once"; });';
$first = php_start($code);
until(fn (): bool => file_exists(scratch('computes')));
$second = php_start('touch(scratch("begins"));' . strtr($code, ['return "once"' => 'return "twice"']));
until(fn (): bool => file_exists(scratch('begins')));
touch(scratch('go'));
same(['once', 'once'], [php_end($first)['output'], php_end($second)['output']], 'one process computes, the other one waits');
$cache->delete('shared');
array_map('unlink', [scratch('computes'), scratch('begins'), scratch('go')]);
$first = php_start($code);
until(fn (): bool => file_exists(scratch('computes')));
$second = php_start('touch(scratch("begins"));' . strtr($code, ['until(' => '//', 'return "once"' => "\nreturn 'after it'"]));
until(fn (): bool => file_exists(scratch('begins')));
proc_terminate($first['process'], 9);
same([9, 'after it'], [php_end($first)['signal'], php_end($second)['output']], 'another process takes over');
same([true, true], [$cache->prune(), (fn () => $cache->reset() ?? true)()], 'prune and reset');
echo "done\n";
?>
--EXPECT--
done
