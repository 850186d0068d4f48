--TEST--
A clean application has no leak in 1,000 requests, and its first leak is reported
--SKIPIF--
<?php extension_loaded('session') or die('skip no sessions');
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox(['worker_leak_check' => 'on', 'log_level' => 'error'], ['-d', 'session.save_path=' . sys_get_temp_dir(), '-d', 'output_buffering=100000']);

use Pillion\Worker;

function serve(Notes\Kernel $kernel, string $method, string $path, array $form = [], string $session = ''): array
{
    Worker\request_begin();
    $answer = $kernel->handle($method, $path, $form, $session);
    Worker\request_end();

    return $answer;
}

ini_set('session.save_path', scratch());
$kernel = (require __DIR__ . '/../../fixtures/notes/application.php')(scratch());
$visits = [
    ['POST', '/notes', ['text' => 'buy <milk>']], ['GET', '/'], ['GET', '/notes/1'], ['GET', '/notes/999999'], ['POST', '/notes', []],
    ['GET', '/nowhere'], ['GET', '/login/ann', [], 'session-a'], ['GET', '/', [], 'session-a'],
];
// Each page twice: code is loaded, caches are filled.
foreach ([...$visits, ...$visits] as $visit) {
    $last = serve($kernel, ...$visit);
}
echo $last[1];
$told = [];
mt_srand(7);
for ($number = 0; $number < 1000; $number++) {
    $visit = $visits[mt_rand(0, count($visits) - 1)];
    [$status] = serve($kernel, ...$visit);
    foreach (Worker\leaks() as $leak) {
        $told[$leak['message']] = "$visit[0] $visit[1]: $status";
    }
}
var_dump($told, Worker\status()['requests']);

// The same application, with a leaking visit counter.
eval('namespace Notes; final class Visits { public static array $paths = []; }');
for ($number = 0; $number < 10; $number++) {
    Worker\request_begin();
    $kernel->handle('GET', '/');
    Notes\Visits::$paths[] = '/';
    Worker\request_end();
}
echo Worker\leaks()[0]['message'], "\n";
?>
--EXPECT--
<h1>Notes of ann</h1>
<ul>
  <li><a href="/notes/2">buy &lt;milk&gt;</a></li>
  <li><a href="/notes/1">buy &lt;milk&gt;</a></li>
</ul>
array(0) {
}
int(1016)
Notes\Visits::$paths: array 1 → 9 elements, +128 bytes
