--TEST--
A fatal error, the memory limit or exit() in a signal handler ends a waiting PHP
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['answer' => ['kind' => 'hang']]]]);

$handlers = [
    'a fatal error' => "eval('class X { function f(); }');",
    'the memory limit' => "ini_set('memory_limit', '8M'); \$x = str_repeat('x', 1_000_000_000);",
    'an exception' => "throw new Exception('mine');",
    'exit' => 'exit(7);',
];
$waits = [
    '$future->wait();',
    'Pillion\select([$future]);',
    // State that the longjmp skips must not matter.
    'Pillion\select(array_map(fn () => Pillion\Velox\build(request_of("v1.0.0")), range(1, 50)));',
];
$started = [];
foreach ($handlers as $name => $handler) {
    foreach ($waits as $wait) {
        $started[] = [$name, php_start("
            pcntl_async_signals(true);
            pcntl_signal(SIGALRM, function () { $handler });
            register_shutdown_function(function () use (&\$future) {
                echo 'shutdown: ', \$future->state(), ', ', count(Pillion\\status()['runtime']['jobs']), \" jobs\\n\";
                \$future->cancel();
                thrown(fn () => \$future->wait());
            });
            \$future = Pillion\\Velox\\build(request());
            until(fn () => 'running' === \$future->state());
            pcntl_alarm(1);
            $wait
            echo 'never here';
        ")];
    }
}
foreach ($started as [$name, $process]) {
    $ended = php_end($process);
    echo "$name: ", json_encode([$ended['exit'], $ended['signal']]), "\n";
    echo preg_replace('/^.*?(?=^shutdown)/ms', '', $ended['output']);
}
?>
--EXPECTF--
a fatal error: [255,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
a fatal error: [255,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
a fatal error: [255,null]
shutdown: running, 51 jobs
Pillion\CancelledException(500): %s
the memory limit: [255,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
the memory limit: [255,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
the memory limit: [255,null]
shutdown: running, 51 jobs
Pillion\CancelledException(500): %s
an exception: [255,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
an exception: [255,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
an exception: [255,null]
shutdown: running, 51 jobs
Pillion\CancelledException(500): %s
exit: [7,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
exit: [7,null]
shutdown: running, 1 jobs
Pillion\CancelledException(500): %s
exit: [7,null]
shutdown: running, 51 jobs
Pillion\CancelledException(500): %s
