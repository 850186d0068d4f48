--TEST--
Symfony's lock: owners, leases, waiting
--FILE--
<?php
require __DIR__ . '/cases.inc';

use Pillion\Bridge\Symfony\LockStore;
use Symfony\Component\Lock\Exception\{InvalidTtlException, LockConflictedException, LockExpiredException, LockStorageException};
use Symfony\Component\Lock\Key;

$store = new LockStore(60.0, 'jobs:');
$one = new Key('import');
$two = new Key('import');
$store->save($one);
$store->save($one);
same([true, false], [$store->exists($one), $store->exists($two)], 'the owner');
same(true, Pillion\Cache\lock_owner('jobs:import') !== null, 'the name');
throws(LockConflictedException::class, fn () => $store->save($two), 'another owner');
throws(LockConflictedException::class, fn () => $store->putOffExpiration($two, 1.0), 'the lease of another owner');
$store->delete($two);
same(true, $store->exists($one), 'another owner releases nothing');
$store->delete($one);
same(false, $store->exists($one), 'released');
$store->save($two);
$two->reduceLifetime(0.0);
throws(LockExpiredException::class, fn () => $store->putOffExpiration($two, 60.0), 'a lease that is over already');
same(false, $store->exists($two), 'and released');
$one->resetLifetime();
$store->putOffExpiration($one, 0.05);
until(fn (): bool => !$store->exists($one));
throws(InvalidTtlException::class, fn () => new LockStore(0.0), 'a lease of nothing');

$code = 'require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    $store = new Pillion\Bridge\Symfony\LockStore(60.0, "jobs:");
    touch(scratch("waits"));
    $store->waitAndSave(new Symfony\Component\Lock\Key("import"));
    echo "acquired";';
$one->resetLifetime();
$store->save($one);
$other = php_start($code);
until(fn (): bool => file_exists(scratch('waits')));
$store->delete($one);
same('acquired', php_end($other)['output'], 'a process waits for the lock');
same('Symfony\Component\Lock\Exception\LockStorageException', php('require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    try { (new Pillion\Bridge\Symfony\LockStore())->save(new Symfony\Component\Lock\Key("k")); } catch (Throwable $thrown) { echo get_class($thrown); }', ['cache_enabled' => 0])['output'], 'the cache is off');
echo "done\n";
?>
--EXPECT--
done
