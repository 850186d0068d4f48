--TEST--
An open session of a request is reported; a reset writes and closes it
--SKIPIF--
<?php extension_loaded('session') or die('skip no sessions');
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_format' => 'logfmt']);

const LOOP = <<<'PHP'
    use Pillion\Worker;

    session_save_path(scratch());
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    ob_start();
    $seen = [];
    foreach (['ann', 'bob', 'nobody', 'ann', 'eve'] as $who) {
        Worker\request_begin($who);
        if ($who === 'eve') {
            // A client without a cookie gets a new session, not that of the previous request.
            session_start();
        } elseif ($who !== 'nobody') {
            session_id("session-of-$who");
            session_start();
            $_SESSION['visits'] = ($_SESSION['visits'] ?? 0) + 1;
            $_SESSION['name'] = $who;
        }
        $seen[] = [$who, session_status(), str_replace('session-of-', '', session_id()), $_SESSION ?? null];
        Worker\request_end();
    }
    ob_end_clean();
    foreach ($seen as [$who, $status, $id, $values]) {
        echo $who, ' ', $status, ' ', strlen($id) < 6 ? $id : 'a new one', ' ', json_encode($values), "\n";
    }
    $left = array_intersect_key(Worker\status()['left_behind'], ['session' => 0, 'put_back' => 0]);
    echo session_status(), ' ', json_encode($left), "\n";
    PHP;

$reset = php(LOOP, ['worker_reset' => 'session']);
echo $reset['output'], $reset['errors'], "\n";
$left = php(LOOP . "\necho json_encode(end(\$seen)), \"\\n\";", options: ['-d', 'display_errors=0', '-d', 'log_errors=0']);
echo $left['output'], $left['errors'], "\n";
// With a session handler of the application that fails.
$handler = <<<'PHP'
    final class Handler extends SessionHandler
    {
        public static int $writes = 0;

        public function write(string $id, string $data): bool
        {
            self::$writes++;
            throw new LogicException('the store is gone');
        }
    }
    ini_set('session.save_handler', 'files');
    session_set_save_handler(new Handler());
    PHP;
$fails = php($handler . LOOP . "\necho Handler::\$writes, \"\\n\";", ['worker_reset' => 'session']);
echo $fails['output'], $fails['errors'];
?>
--EXPECTF--
ann 2 ann {"visits":1,"name":"ann"}
bob 2 bob {"visits":1,"name":"bob"}
nobody 1  null
ann 2 ann {"visits":2,"name":"ann"}
eve 2 a new one []
1 {"session":4,"put_back":4}
time=%s level=info event="left behind" pid=%d kind=session name=session what=open fate="put back" request_id=ann

ann 2 ann {"visits":3,"name":"ann"}
bob 2 ann {"visits":4,"name":"bob"}
nobody 2 ann {"visits":4,"name":"bob"}
ann 2 ann {"visits":5,"name":"ann"}
eve 2 ann {"visits":5,"name":"ann"}
2 {"session":5,"put_back":0}
["eve",2,"ann",{"visits":5,"name":"ann"}]
time=%s level=warn event="left behind" pid=%d kind=session name=session what=open fate=left request_id=ann

ann 2 ann {"visits":6,"name":"ann"}
bob 2 bob {"visits":2,"name":"bob"}
nobody 1  null
ann 2 ann {"visits":6,"name":"ann"}
eve 2 a new one []
1 {"session":4,"put_back":4}
4
time=%s level=info event="left behind" pid=%d kind=session name=session what=open fate="put back" request_id=ann
time=%s level=error event="reset failed" pid=%d class=LogicException message="the store is gone" place=%s:10
time=%s level=error event="reset failed" pid=%d class=LogicException message="the store is gone" place=%s:10
time=%s level=error event="reset failed" pid=%d class=LogicException message="the store is gone" place=%s:10
time=%s level=error event="reset failed" pid=%d class=LogicException message="the store is gone" place=%s:10
