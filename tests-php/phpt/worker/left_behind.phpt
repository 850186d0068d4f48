--TEST--
Residue is logged once per name and counted each time, except the first request's
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_format' => 'logfmt']);
require __DIR__ . '/left_behind.inc';

use Pillion\Worker;

// Changes before the loop are the application's and no residue.
ini_set('precision', '10');
set_error_handler('trim');
stream_wrapper_register('boot', Wrapper::class);
foreach (['first', 'clean', 'second', 'third', 'clean'] as $i => $id) {
    Worker\request_begin($id);
    $id === 'clean' || mess((string) $i);
    Worker\request_end();
    echo $id, ' ', state(), ' ', counts(), "\n";
}
// State that the request itself restores is no residue.
Worker\request_begin('tidy');
mess('tidy');
tidy();
ini_set('html_errors', ini_get('html_errors'));
Worker\request_end();
echo 'tidy ', counts(), "\n";
?>
--EXPECTF--
time=%s level=info event="left behind" pid=%d kind=ini name=precision what=changed fate=kept request_id=first
time=%s level=info event="left behind" pid=%d kind=ini name=max_execution_time what=changed fate=kept request_id=first
time=%s level=info event="left behind" pid=%d kind=handlers name="error handler" what="Closure::__invoke %sleft_behind.inc:%d" fate=kept request_id=first
time=%s level=info event="left behind" pid=%d kind=handlers name="exception handler" what=Mess::caught fate=kept request_id=first
time=%s level=info event="left behind" pid=%d kind=timezone name="default time zone" what=Etc/GMT+0 fate=kept request_id=first
time=%s level=info event="left behind" pid=%d kind=wrappers name=mess0 what=registered fate=kept request_id=first
first {"precision":"0","time limit":"100","error handler":"Closure","time zone":"Etc\/GMT+0","wrappers":["boot","mess0"]} {"ini":0,"handlers":0,"timezone":0,"wrappers":0,"session":0,"umask":0,"locale":0,"environment":0,"put_back":0}
clean {"precision":"0","time limit":"100","error handler":"Closure","time zone":"Etc\/GMT+0","wrappers":["boot","mess0"]} {"ini":0,"handlers":0,"timezone":0,"wrappers":0,"session":0,"umask":0,"locale":0,"environment":0,"put_back":0}
time=%s level=warn event="left behind" pid=%d kind=ini name=precision what=changed fate=left request_id=second
time=%s level=warn event="left behind" pid=%d kind=ini name=max_execution_time what=changed fate=left request_id=second
time=%s level=warn event="left behind" pid=%d kind=handlers name="error handler" what="Closure::__invoke %sleft_behind.inc:%d" fate=left request_id=second
time=%s level=warn event="left behind" pid=%d kind=handlers name="exception handler" what=Mess::caught fate=left request_id=second
time=%s level=warn event="left behind" pid=%d kind=timezone name="default time zone" what=Etc/GMT+2 fate=left request_id=second
time=%s level=warn event="left behind" pid=%d kind=wrappers name=mess2 what=registered fate=left request_id=second
second {"precision":"2","time limit":"102","error handler":"Closure","time zone":"Etc\/GMT+2","wrappers":["boot","mess0","mess2"]} {"ini":2,"handlers":2,"timezone":1,"wrappers":1,"session":0,"umask":0,"locale":0,"environment":0,"put_back":0}
time=%s level=warn event="left behind" pid=%d kind=wrappers name=mess3 what=registered fate=left request_id=third
third {"precision":"3","time limit":"103","error handler":"Closure","time zone":"Etc\/GMT+3","wrappers":["boot","mess0","mess2","mess3"]} {"ini":4,"handlers":4,"timezone":2,"wrappers":2,"session":0,"umask":0,"locale":0,"environment":0,"put_back":0}
clean {"precision":"3","time limit":"103","error handler":"Closure","time zone":"Etc\/GMT+3","wrappers":["boot","mess0","mess2","mess3"]} {"ini":4,"handlers":4,"timezone":2,"wrappers":2,"session":0,"umask":0,"locale":0,"environment":0,"put_back":0}
tidy {"ini":4,"handlers":4,"timezone":2,"wrappers":2,"session":0,"umask":0,"locale":0,"environment":0,"put_back":0}
