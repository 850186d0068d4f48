--TEST--
Twenty processes with four configurations cause four builds, and all get their binary
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox(['delay_ms' => 1500]);

$started = [];
for ($i = 0; $i < 20; ++$i) {
    $tag = 'v1.0.' . $i % 4;
    $started[] = php_start("
        \$artifact = Pillion\\Velox\\build(request_of('$tag'))->wait(50);
        echo \$artifact->config['plugins'][0]['tag'] === '$tag' && \$artifact->verify() ? 'right ' : 'wrong ', \$artifact->sha256;
    ");
}
$outputs = array_map(fn ($process) => php_end($process)['output'], $started);
var_dump(count(preg_grep('/^right [0-9a-f]{64}$/', $outputs)), count(array_unique($outputs)), $velox->count('builds_started'));
?>
--EXPECT--
int(20)
int(4)
int(4)
