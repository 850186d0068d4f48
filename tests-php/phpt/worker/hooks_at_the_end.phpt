--TEST--
After exit, exceptions, fatal errors and limits, hooks run as the last shutdown function
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

foreach ([
    'return' => '',
    'exit' => 'exit(3);',
    'exit at depth' => '(function () { try { (fn () => exit)(); } finally { echo "finally "; } })();',
    'exception' => 'throw new LogicException("no");',
    'fatal' => 'not_there();',
    'memory' => 'str_repeat("x", 1 << 30);',
    'time' => 'set_time_limit(1); while (true);',
    'exit in a shutdown function' => 'register_shutdown_function(function () { exit; });',
    'fiber' => '(new Fiber(function () { Fiber::suspend(); }))->start();',
    'exit in a fiber' => '(new Fiber(function () { exit; }))->start();',
    'in a loop' => 'Pillion\Worker\request_begin("x"); exit;',
    'between' => 'Pillion\Worker\request_begin("x"); Pillion\Worker\request_end(); echo "between "; exit;',
] as $how => $code) {
    $ended = php('
        Pillion\Worker\on_reset(function () { echo "hook "; throw new Exception; });
        Pillion\Worker\on_reset(function () { echo "other ", Pillion\Worker\request_id() !== "" ? "with its id " : ""; });
        register_shutdown_function(function () { register_shutdown_function(function () { echo "shutdown "; }); });
    ' . $code, options: ['-d', 'display_errors=0', '-d', 'memory_limit=64M']);
    echo $how, ': ', $ended['output'], $ended['signal'], "\n";
}
?>
--EXPECT--
return: shutdown hook other with its id 
exit: shutdown hook other with its id 
exit at depth: shutdown hook other with its id 
exception: shutdown hook other with its id 
fatal: shutdown hook other with its id 
memory: shutdown hook other with its id 
time: shutdown hook other with its id 
exit in a shutdown function: 
fiber: shutdown hook other with its id 
exit in a fiber: shutdown hook other with its id 
in a loop: shutdown hook other with its id 
between: hook other with its id between shutdown
