--TEST--
PHP ends at once with a build in flight, for every way to end
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['behaviours' => [['answer' => ['kind' => 'hang']]]]);

$ends = [
    'exit' => 'exit(3);',
    'the end of the script' => '',
    'an uncaught exception' => 'throw new Exception("mine");',
    'a fatal error' => 'eval("class X implements Missing {}");',
    'the memory limit' => 'ini_set("memory_limit", "8M"); str_repeat("x", 1_000_000_000);',
    'exit while others wait' => 'register_shutdown_function(fn () => $future->isDone()); exit(4);',
    'with the notifier open' => '$notifier = Pillion\notifier(); exit(5);',
    'after a cancel' => '$future->cancel(); exit(6);',
    'exit in a destructor' => '$last = new class { public function __destruct() { exit(7); } };',
];
foreach ($ends as $name => $code) {
    $velox->reset();
    $ended = php('
        $future = Pillion\Velox\build(request());
        until(fn () => "running" === $future->state());
    ' . $code);
    // shutdown_timeout is 2 s, and the end is much faster.
    printf("%s: %s %s %s\n", $name, json_encode($ended['exit']), json_encode($ended['signal']), json_encode($ended['seconds'] < 10));
    // The server ends the build when its client disconnects.
    until(fn () => 0 === $velox->count('in_flight'));
}
?>
--EXPECT--
exit: 3 null true
the end of the script: 0 null true
an uncaught exception: 255 null true
a fatal error: 255 null true
the memory limit: 255 null true
exit while others wait: 4 null true
with the notifier open: 5 null true
after a cancel: 6 null true
exit in a destructor: 7 null true
