--TEST--
PSR-6: items, expiration, deferred items, prefixes
--FILE--
<?php
require __DIR__ . '/cases.inc';

use Pillion\Bridge\Cache\Pool;
use Psr\Cache\InvalidArgumentException;

$pool = new Pool('pool:');
$item = $pool->getItem('key');
same(['key', null, false], [$item->getKey(), $item->get(), $item->isHit()], 'a miss');
same([true, true], [$pool->save($item->set(null)), $pool->hasItem('key')], 'a stored null');
same([null, true], [$pool->getItem('key')->get(), $pool->getItem('key')->isHit()], 'a stored null is a hit');
same($item, $item->expiresAfter(60)->expiresAt(null)->expiresAfter(new DateInterval('PT1M')), 'fluent');
same(false, $pool->save($pool->getItem('closure')->set(fn () => 1)), 'a closure');
store_object_of_missing_class('pool:gone');
same([false, null], [$pool->getItem('gone')->isHit(), $pool->getItem('gone')->get()], 'an object of a missing class');

foreach ([fn ($item) => $item->expiresAfter(-1), fn ($item) => $item->expiresAt(new DateTime('-1 second')), fn ($item) => $item->expiresAfter(0)] as $expire) {
    $pool->save($pool->getItem('key')->set(1));
    $pool->save($expire($pool->getItem('key')));
    same(false, $pool->hasItem('key'), 'an expired item removes the stored one');
    $pool->saveDeferred($expire($pool->getItem('key')->set(1)));
    same([false, true, false], [$pool->hasItem('key'), $pool->commit(), $pool->getItem('key')->isHit()], 'an expired deferred item');
}
$pool->save($pool->getItem('soon')->set(1)->expiresAt(new DateTimeImmutable('+50 msec')));
until(fn (): bool => !$pool->getItem('soon')->isHit());

$item = $pool->getItem('deferred')->set('first');
same([true, null], [$pool->saveDeferred($item), Pillion\Cache\get('pool:deferred')], 'saveDeferred');
$item->set('changed');
same('first', $pool->getItem('deferred')->get(), 'a deferred item is a copy');
$pool->saveDeferred($item->set('second'));
same([true, 'second'], [$pool->commit(), Pillion\Cache\get('pool:deferred')], 'commit');
$pool->saveDeferred($item->set('third'));
same([true, false], [$pool->deleteItem('deferred'), $pool->hasItem('deferred')], 'a deleted deferred item');
$pool->saveDeferred($item->set('deferred'));
$pool->save($item->set('immediate'));
$pool->commit();
same('immediate', $pool->getItem('deferred')->get(), 'save replaces a deferred item');
$pool->saveDeferred($item);
same([true, true, false], [$pool->clear(), $pool->commit(), $pool->hasItem('deferred')], 'clear');
$pool->saveDeferred($pool->getItem('end')->set(1));
unset($pool);
same(1, Pillion\Cache\get('pool:end'), 'the end of a pool commits');

$pool = new Pool('pool:', 60);
$pool->saveDeferred($pool->getItem('7')->set('seven'));
$found = [];
foreach ($pool->getItems(['7', 'end', 'none']) as $key => $item) {
    $found[] = [$key, $item->getKey(), $item->get(), $item->isHit()];
}
same([['7', '7', 'seven', true], ['end', 'end', 1, true], ['none', 'none', null, false]], $found, 'getItems');
foreach (INVALID_KEYS as $key) {
    foreach (['getItem', 'hasItem', 'deleteItem'] as $method) {
        throws(InvalidArgumentException::class, fn () => $pool->$method($key), "$method('$key')");
    }
    foreach (['getItems', 'deleteItems'] as $method) {
        throws(InvalidArgumentException::class, fn () => $pool->$method(['end', $key]), "$method('$key')");
    }
}
same(true, $pool->hasItem('end'), 'nothing is removed beside an invalid key');
same([true, false, false], [$pool->deleteItems(['end', '7', 'none']), $pool->hasItem('end'), $pool->hasItem('7')], 'deleteItems');
echo "done\n";
?>
--EXPECT--
done
