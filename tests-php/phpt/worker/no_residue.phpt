--TEST--
A request without residue logs nothing, and 100,000 of them accumulate no memory
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_reset' => 'ini,handlers,timezone,wrappers,session']);
require __DIR__ . '/left_behind.inc';

use Pillion\Worker;

ini_set('precision', '10');
set_error_handler(static fn (): bool => false);
date_default_timezone_set('Etc/GMT+1');
stream_wrapper_register('boot', Wrapper::class);
Worker\on_reset(static fn () => null);
function serve(int $i, bool $messy = false): void
{
    Worker\request_begin("r$i");
    Worker\scope_set('user', new stdClass());
    ob_start();
    $messy && mess((string) ($i / 100 % 9));
    Worker\request_end();
}
for ($i = 0; $i < 1000; $i++) {
    serve($i);
}
echo state(), ' ', counts(), ' ', file_get_contents(scratch('log')), "\n";

for (; $i < 2000; $i++) {
    serve($i, $i % 100 === 0);
}
gc_collect_cycles();
[$php, $heap] = [memory_get_usage(), Pillion\status()['heap']['bytes']];
$rounds = getenv('PILLION_TEST_UNDER') ? 3_000 : 100_000;
for (; $i < $rounds; $i++) {
    serve($i, $i % 100 === 0);
}
gc_collect_cycles();
$left = Worker\status()['left_behind'];
var_dump(memory_get_usage() - $php <= 4096, Pillion\status()['heap']['bytes'] - $heap <= 4096);
echo state(), ' ', $left['put_back'] === array_sum($left) - $left['put_back'] && $left['ini'] === $left['wrappers'] * 2 ? 'all put back' : counts(), "\n";
?>
--EXPECT--
{"precision":"10","time limit":"0","error handler":"Closure","time zone":"Etc\/GMT+1","wrappers":["boot"]} {"ini":0,"handlers":0,"timezone":0,"wrappers":0,"session":0,"umask":0,"locale":0,"environment":0,"put_back":0} 
bool(true)
bool(true)
{"precision":"10","time limit":"0","error handler":"Closure","time zone":"Etc\/GMT+1","wrappers":["boot"]} all put back
