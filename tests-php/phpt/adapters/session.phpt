--TEST--
sessions: data, ids, locks, unchanged data
--SKIPIF--
<?php extension_loaded('session') || print 'skip PHP without sessions'; ?>
--FILE--
<?php
require __DIR__ . '/cases.inc';

use Pillion\Bridge\Session\SessionHandler;

ini_set('session.use_cookies', '0');
ini_set('session.use_strict_mode', '1');
ini_set('session.cache_limiter', '');
session_set_save_handler($handler = new SessionHandler('s:', 60), true);

session_start();
$id = session_id();
same(false, Pillion\Cache\has("s:$id"), 'a new session is not stored before its end');
$_SESSION['user'] = 7;
same(true, Pillion\Cache\lock_owner("s:$id") !== null, 'the lock of a session');
session_write_close();
same(null, Pillion\Cache\lock_owner("s:$id"), 'the lock ends with the session');

$other = new SessionHandler('s:', 60);
session_id($id);
session_start();
same(['user' => 7], $_SESSION, 'the stored session');
same(false, (new SessionHandler('s:', 60, wait: 0.0))->read($id), 'a read beside it fails after its wait');
Pillion\Cache\set("s:$id", 'user|i:8;', 60);
session_write_close();
same('user|i:8;', Pillion\Cache\get("s:$id"), 'unchanged data is not written again');
session_id($id);
session_start();
Pillion\Cache\delete("s:$id");
session_write_close();
same('user|i:8;', Pillion\Cache\get("s:$id"), 'an evicted session is written at its end');
session_id($id);
session_start(['read_and_close' => true]);
same([['user' => 8], null], [$_SESSION, Pillion\Cache\lock_owner("s:$id")], 'read_and_close');

session_id($id);
session_start();
session_regenerate_id(true);
same([true, false, ['user' => 8]], [$id !== session_id(), $handler->validateId($id), $_SESSION], 'another id');
same([null, true], [Pillion\Cache\lock_owner("s:$id"), Pillion\Cache\lock_owner('s:' . session_id()) !== null], 'the lock of another id');
session_write_close();
$id = session_id();
session_start();
session_destroy();
same([false, null], [Pillion\Cache\has("s:$id"), Pillion\Cache\lock_owner("s:$id")], 'a destroyed session');
session_id('an-id-of-a-client');
session_start();
same(true, session_id() !== 'an-id-of-a-client', 'an unknown id is replaced');
session_abort();

// The lease of a request that takes too long.
$slow = new SessionHandler('s:', 60, 0.05);
$slow->read('slow');
until(fn (): bool => Pillion\Cache\lock_owner('s:slow') === null);
same(true, $slow->write('slow', 'a'), 'no other request has the lock');
$slow->close();
$slow->read('slow');
same('a', $other->read('slow'), 'a read waits for the end of a lease');
same(false, $slow->write('slow', 'b'), 'another request has the lock');
same([true, true], [$slow->close(), $other->write('slow', 'c')], 'the end of a lost lock');
$other->close();
$none = new SessionHandler('s:', 60, 0);
same(['c', 'c', true, null], [$none->read('slow'), (new SessionHandler('s:'))->read('slow'), $none->write('slow', 'd'), $none->gc(1) ?: null], 'without locks');

// Two processes.
$code = 'require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    $handler = new Pillion\Bridge\Session\SessionHandler("s:", 60, 30.0);
    touch(scratch("begins"));
    echo $handler->read("shared");
    $handler->close();';
$handler->read('shared');
$process = php_start($code);
until(fn (): bool => file_exists(scratch('begins')));
$handler->write('shared', 'written');
$handler->close();
same('written', php_end($process)['output'], 'a process waits for the end of the session');
$code = 'require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    ini_set("session.use_cookies", "0");
    ini_set("session.cache_limiter", "");
    session_set_save_handler(new Pillion\Bridge\Session\SessionHandler("s:", 60), true);
    touch(scratch("ready" . getmypid()));
    until(fn () => file_exists(scratch("all")));
    for ($n = 0; $n < 50; ++$n) {
        session_id("counter");
        session_start();
        $_SESSION["n"] = ($_SESSION["n"] ?? 0) + 1;
        usleep(100); // the others run
        session_write_close();
    }';
$processes = [php_start($code), php_start($code), php_start($code)];
until(fn (): bool => count(glob(scratch('ready*'))) === 3);
touch(scratch('all'));
same(['', '', ''], array_map(fn (array $process): string => php_end($process)['output'], $processes), 'three processes change one session');
same('n|i:150;', Pillion\Cache\get('s:counter'), 'no change is lost');
same('nothing', php('require "' . dirname(__DIR__, 3) . '/php/tests/load.php";
    $handler = new Pillion\Bridge\Session\SessionHandler();
    echo $handler->read("x") . ($handler->write("x", "y") ? "written" : "nothing");', ['cache_enabled' => 0])['output'], 'the cache is off');
echo "done\n";
?>
--EXPECT--
done
