--TEST--
Twenty forked children of a process with a runtime each build and exit with 0
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 100]);

use Pillion\Velox;

Velox\build(request())->wait(30);
$children = [];
for ($i = 0; $i < 20; ++$i) {
    $children[] = $child = pcntl_fork();
    if (0 === $child) {
        // Four configurations for twenty processes: the others join.
        $artifact = Velox\build(request_of('v1.0.' . $i % 4))->wait(50);
        exit($artifact->config['plugins'][0]['tag'] === 'v1.0.' . $i % 4 && $artifact->verify() ? 0 : 1);
    }
}
$well = 0;
foreach ($children as $child) {
    pcntl_waitpid($child, $status);
    $well += 0 === $status;
}
var_dump($well, $velox->count('builds_started'), count(Pillion\status()['host']['workers']));
echo Velox\build(request_of('v2.0.0'))->wait(30)->cacheStatus, "\n";
?>
--EXPECT--
int(20)
int(5)
int(1)
MISS
