--TEST--
The environment is read at PHP's start; putenv changes no setting, nor in a forked child
--FILE--
<?php
require __DIR__ . '/../lib.inc';

const CHANGED = ['PILLION_VELOX_MAX_CONCURRENT_BUILDS' => '8', 'SENTRY_DSN' => 'http://key@127.0.0.1:9/1',
    'STATE_DIRECTORY' => '/tmp/pillion-of-a-request', 'HOME' => '/tmp/pillion-of-a-request', 'CADDY_WORKER_MODE' => 'true'];
if (!getenv('PILLION_TEST_CHILD')) {
    putenv('PILLION_VELOX_BUILD_TIMEOUT=90s');
    putenv('STATE_DIRECTORY=' . $directory = sys_get_temp_dir() . '/pillion-start-' . getmypid());
    mkdir($directory);
    register_shutdown_function(fn () => system('rm -r ' . escapeshellarg($directory)));
}
without_velox(['state_dir' => '']);
define('STATE_DIRECTORY', getenv('STATE_DIRECTORY'));

function told(): array
{
    ob_start();
    (new ReflectionExtension('pillion'))->info();
    preg_match_all('/^(?:pillion\.)?(velox_max_concurrent_builds|velox_build_timeout|sentry_dsn|State directory) => (.*)$/m', ob_get_clean(), $found);

    return [...str_replace(STATE_DIRECTORY, 'STARTED', array_combine($found[1], $found[2])), 'worker_mode' => Pillion\Worker\status()['worker_mode']];
}

foreach (CHANGED as $name => $value) {
    putenv("$name=$value");
}
if (0 === $child = pcntl_fork()) {
    echo json_encode(told(), JSON_UNESCAPED_SLASHES), "\n";
    exit;
}
pcntl_waitpid($child, $status);
$told = told();
print_r($told);
// Only the initial environment counts: a new program starts with these variables.
echo php('echo Pillion\Worker\mode(), " ", json_encode(Pillion\Worker\status()["worker_mode"]);')['output'], "\n";
?>
--EXPECT--
{"State directory":"STARTED/pillion","velox_build_timeout":"1m30s => environment PILLION_VELOX_BUILD_TIMEOUT","velox_max_concurrent_builds":"5 => default","sentry_dsn":"no value => default","worker_mode":false}
Array
(
    [State directory] => STARTED/pillion
    [velox_build_timeout] => 1m30s => environment PILLION_VELOX_BUILD_TIMEOUT
    [velox_max_concurrent_builds] => 5 => default
    [sentry_dsn] => no value => default
    [worker_mode] => 
)
cli true
