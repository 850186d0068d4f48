--TEST--
PHP's time limit ends a wait where it counts real time (ZTS), and never breaks one
--FILE--
<?php
require __DIR__ . '/../lib.inc';
with_velox(['behaviours' => [['answer' => ['kind' => 'hang']]]]);

$ended = php('
    register_shutdown_function(fn () => print "shutdown\n");
    $future = Pillion\Velox\build(request());
    set_time_limit(1);
    try {
        $future->wait(4);
    } catch (Pillion\TimeoutException) {
        echo "the wait ended by itself\n";
    }
');
// Without ZTS the limit counts processor time, and a sleeping wait uses none.
$expected = ZEND_THREAD_SAFE
    ? "/Maximum execution time of 1(\+0)? seconds? exceeded.*\nshutdown\n$/s"
    : "/^the wait ended by itself\nshutdown\n$/";
var_dump(preg_match($expected, $ended['output']), $ended['signal'], $ended['seconds'] < 20);
if (!preg_match($expected, $ended['output'])) {
    echo $ended['output'];
}
?>
--EXPECT--
int(1)
NULL
bool(true)
