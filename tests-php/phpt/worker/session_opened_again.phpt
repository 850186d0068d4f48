--TEST--
A session reopened during its reset is closed; one that can't close is reported
--SKIPIF--
<?php extension_loaded('session') or die('skip no sessions');
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_format' => 'logfmt', 'worker_reset' => 'session']);

const LOOP = <<<'PHP'
    use Pillion\Worker;

    final class Flash
    {
        public function __destruct()
        {
            session_start();
        }
    }

    final class Again
    {
        public function __destruct()
        {
            session_start();
            $_SESSION['again'] = new self();
        }
    }

    session_save_path(scratch());
    ini_set('session.use_cookies', '0');
    ini_set('session.cache_limiter', '');
    Worker\request_begin('ann');
    session_id($id);
    session_start();
    $_SESSION['value'] = $value;
    unset($value);
    Worker\request_end();
    Worker\request_begin('bob');
    echo session_status(), ' ', session_id() === $id ? 'ann' : strlen(session_id()), ' ', json_encode(array_keys($_SESSION ?? [])), "\n";
    Worker\request_end();
    PHP;

foreach (['"plain"' => [], 'new Flash()' => [], 'new Again()' => [], '"of a session that stays"' => ['-d', 'disable_functions=session_write_close']] as $value => $options) {
    $id = 'session-' . md5($value);
    $found = php("\$id = '{$id}'; \$value = {$value};" . LOOP, options: [...$options, '-d', 'display_errors=0', '-d', 'log_errors=0']);
    echo $value, ': ', $found['output'], $found['errors'], "\n";
}
?>
--EXPECTF--
"plain": 1 0 []
time=%s level=info event="left behind" pid=%d kind=session name=session what=open fate="put back" request_id=ann

new Flash(): 1 0 []
time=%s level=info event="left behind" pid=%d kind=session name=session what=open fate="put back" request_id=ann

new Again(): 2 %d ["again"]
time=%s level=info event="left behind" pid=%d kind=session name=session what=open fate="put back" request_id=ann
time=%s level=error event="reset failed" pid=%d reason="code that runs when the session ends opens one again"
%A
"of a session that stays": 2 ann ["value"]
time=%s level=warn event="left behind" pid=%d kind=session name=session what=open fate=left request_id=ann
