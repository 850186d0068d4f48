--TEST--
Residue in umask, locale and environment is reported and never restored
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['log' => 'stderr', 'log_format' => 'logfmt', 'worker_reset' => 'ini, handlers, timezone, wrappers, session']);

use Pillion\Worker;

umask(0022);
setlocale(LC_ALL, 'C');
putenv('MINE=boot');
foreach (['boot', 'first', 'same', 'back', 'unset'] as $id) {
    Worker\request_begin($id);
    match ($id) {
        // The first request belongs to the application's start.
        'boot' => umask(0027) . putenv('DOTENV=secret') . setlocale(LC_TIME, 'C.UTF-8'),
        'first', 'same' => umask(0002) . setlocale(LC_CTYPE, 'C.UTF-8') . putenv('MINE=secret') . putenv('OTHER=secret'),
        'back' => umask(umask(0)) . setlocale(LC_ALL, setlocale(LC_ALL, 0)) . putenv('MINE=other') . putenv('MINE=secret') . umask(),
        'unset' => putenv('MINE') . umask('7'),
    };
    Worker\request_end();
    $seen[] = sprintf('%s %04o %s', $id, umask(), json_encode([getenv('MINE'), getenv('OTHER')]));
}
echo implode("\n", $seen), "\n";
$left = Worker\status()['left_behind'];
echo json_encode(array_slice($left, 5)), "\n";
?>
--EXPECTF--
time=%s level=info event="left behind" pid=%d kind=umask name=umask what="0022 to 0027" fate=kept request_id=boot
time=%s level=info event="left behind" pid=%d kind=locale name=locale what=%S fate=kept request_id=boot
time=%s level=info event="left behind" pid=%d kind=environment name=DOTENV what=changed fate=kept request_id=boot
time=%s level=warn event="left behind" pid=%d kind=umask name=umask what="0027 to 0002" fate=left request_id=first
time=%s level=warn event="left behind" pid=%d kind=locale name=locale what=%S fate=left request_id=first
time=%s level=warn event="left behind" pid=%d kind=environment name=OTHER what=changed fate=left request_id=first
time=%s level=warn event="left behind" pid=%d kind=environment name=MINE what=changed fate=left request_id=first
boot 0027 ["boot",false]
first 0002 ["secret","secret"]
same 0002 ["secret","secret"]
back 0002 ["secret","secret"]
unset 0007 [false,"secret"]
{"umask":2,"locale":1,"environment":3,"put_back":0}
