--TEST--
Laravel's store: values, counters, tags, locks, drivers
--FILE--
<?php
require __DIR__ . '/cases.inc';

use Illuminate\Cache\Repository;
use Illuminate\Contracts\Cache\{CanFlushLocks, LockTimeoutException};
use Pillion\Bridge\Laravel\{CacheServiceProvider, Store};
use Pillion\Bridge\Session\SessionHandler;

$store = new Store('app_');
same([true, 'v', 'v', null], [$store->put('a:b/c', 'v', 60), $store->get('a:b/c'), Pillion\Cache\get('app_a:b/c'), $store->get('none')], 'a value');
same([true, ['x' => 1, 7 => 'seven', 'none' => null]], [$store->putMany(['x' => 1, 7 => 'seven'], 60), $store->many(['x', 7, 'none'])], 'several values');
same([true, false, 1], [$store->add('once', 1, 60), $store->add('once', 2, 60), $store->get('once')], 'add');
same([1, 3, 1, 1], [$store->increment('n'), $store->increment('n', 2), $store->decrement('n', 2), $store->get('n')], 'a counter');
same(false, $store->increment('a:b/c'), 'a counter of a text');
same([true, true, false], [$store->forever('stays', 1), $store->touch('stays', 60), $store->touch('none', 60)], 'forever and touch');
same([true, false, null], [$store->forget('x'), $store->forget('x'), $store->get('x')], 'forget');
same('app_', $store->getPrefix(), 'the prefix');

// Tags.
$people = $store->tags(['people', 'artists']);
$authors = $store->tags('people', 'authors');
same([true, true], [$people->put('John', 'artist', 60), $authors->put('John', 'author')], 'tagged values');
same(['artist', 'author', null, null], [$people->get('John'), $authors->get('John'), $store->get('John'), $store->tags('people')->get('John')], 'a value for each set of tags');
same([true, null, 'artist'], [$store->tags('authors')->flush(), $authors->get('John'), $people->get('John')], 'flush of a tag');
same([true, false, 2, 3], [$people->add('n', 1, 60), $people->add('n', 2, 60), $people->increment('n'), $people->increment('n')], 'a tagged counter');
same([5, true, 2], [$people->increment('new', 5), $people->putMany(['p' => 1, 'q' => 2], 60), $people->get('q')], 'more tagged values');
$store->tags(['people'])->flush();
same([null, null, null, null], array_map($people->get(...), ['John', 'n', 'new', 'q']), 'all of a tag');
same([1, true], [$people->increment('n'), $people->put('q', 1)], 'after a flush');
$many = array_map(fn (int $n): string => "t$n", range(1, 11));
$tagged = $store->tags($many);
foreach (['t1', 't8', 't9', 't11'] as $tag) {
    $tagged->put('k', 1);
    same(1, $store->tags($many)->get('k'), 'more tags than the extension has');
    $store->tags($tag)->flush();
    same(null, $tagged->get('k'), "one of many tags: $tag");
}

// Locks.
$lock = $store->lock('job', 60);
same([true, false, false], [$lock->acquire(), $store->lock('job', 60)->acquire(), $lock->acquire()], 'a lock');
same([true, true], [$lock->isOwnedByCurrentProcess(), $store->restoreLock('job', $lock->owner())->isOwnedByCurrentProcess()], 'its owner');
same([true, true, false], [$lock->refresh(), $lock->refresh(0), $store->restoreLock('job', 'other')->refresh(60)], 'refresh');
same([false, true, null], [$store->restoreLock('job', 'other')->release(), $lock->release(), Pillion\Cache\lock_owner('app_job')], 'release');
same([true, true], [$store->lock('stays')->acquire(), Pillion\Cache\lock_owner('app_stays') !== null], 'a lock without an end');
throws(LockTimeoutException::class, fn () => $store->lock('stays', 1)->block(0), 'a wait that ends');
$store->lock('stays')->forceRelease();
same('result', $store->lock('stays', 60)->block(1, fn () => 'result'), 'a released lock');
same(null, Pillion\Cache\lock_owner('app_stays'), 'after its callback');

$lock = $store->lock('job', 60);
$other = (new Store('other_'))->lock('job', 60);
same([true, true, true], [$lock->acquire(), $other->acquire(), $store->flushLocks()], 'flushLocks');
same([true, false], [$store->lock('job', 60)->acquire(), (new Store('other_'))->lock('job', 60)->acquire()], 'locks of this prefix are free');
same([true, true, true, false], [$lock->release(), $store->flushLocks(), $store->lock('job', 60)->acquire(), $store->lock('job', 60)->acquire()], 'again');

Pillion\Cache\set('other', 1);
same([true, null, 1], [$store->flush(), $store->get('stays'), Pillion\Cache\get('other')], 'flush of a prefix');

// The drivers.
if (getenv('LARAVEL') === false) {
    $manager = new class {
        public array $drivers = [];

        public function extend(string $name, Closure $create): void
        {
            $this->drivers[$name] = $create;
        }

        public function repository(Store $store, array $config): Repository
        {
            return new Repository($store);
        }
    };
    $sessions = clone $manager;
    $application = new ArrayObject(['cache' => $manager, 'session' => $sessions, 'config' => ['cache.prefix' => 'laravel_', 'session.lifetime' => 120]]);
    (new CacheServiceProvider($application))->register();
    $cache = $manager->drivers['pillion']($application, []);
    same([true, 1], [$cache->put('k', 1), Pillion\Cache\get('laravel_k')], 'the driver of the cache');
    same(true, $cache->getStore() instanceof CanFlushLocks, 'the store of this version of Laravel');
}
if (getenv('LARAVEL') === false && interface_exists(SessionHandlerInterface::class)) {
    $handler = $sessions->drivers['pillion']($application);
    same([true, 'data', null], [$handler->write('id', 'data'), Pillion\Cache\get('laravel_session:id'), Pillion\Cache\lock_owner('laravel_session:id')], 'the driver of sessions');
    same(true, $handler instanceof SessionHandler, 'its class');
}
echo "done\n";
?>
--EXPECT--
done
