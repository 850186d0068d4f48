--TEST--
Shutdown functions, destructors and output handlers can build, wait and look up
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

$ended = php('
    use Pillion\Velox;

    final class AtTheEnd
    {
        public static ?Pillion\Future $kept = null;
        public static mixed $notifier = null;

        public function __destruct()
        {
            echo "destructor ", Velox\build(request_of("v2.0.0"))->wait(30)->cacheStatus, "\n";
            echo "destructor ", get_resource_type(Pillion\notifier()), " ", count(Pillion\completed()), "\n";
        }
    }

    AtTheEnd::$kept = Velox\build(request_of("v9.0.0"));
    AtTheEnd::$notifier = Pillion\notifier();
    $object = new AtTheEnd();
    register_shutdown_function(function () {
        echo "shutdown ", Velox\build(request_of("v1.0.0"))->wait(30)->cacheStatus, "\n";
    });
    ob_start(fn ($text) => $text . "handler " . Velox\find(request_of("v1.0.0"))?->cacheStatus . "\n");
    // A cycle that is destroyed at the end only.
    $cycle = new stdClass();
    $cycle->self = $cycle;
    $cycle->future = Velox\build(request_of("v3.0.0"));
    $cycle->artifact = Velox\build(request_of("v4.0.0"))->wait(30);
');
echo $ended['output'], $ended['errors'];
var_dump($ended['exit'], $ended['signal']);
?>
--EXPECTF--
shutdown MISS
destructor MISS
destructor stream %d
handler HIT
int(0)
NULL
