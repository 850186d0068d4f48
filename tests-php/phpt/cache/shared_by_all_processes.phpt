--TEST--
processes of one namespace share values, outlive each other and don't wait for a killed one
--SKIPIF--
<?php
if (!function_exists('pcntl_fork')) {
    die('skip needs pcntl');
}
?>
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

use Pillion\Cache;

php('Pillion\Cache\set("a", ["from" => "another process"]);');
var_dump(Cache\get('a')['from']);
var_dump(php('echo json_encode(Pillion\Cache\get("a"));', ['cache_namespace' => 'other'])['output']);

$child = pcntl_fork();
if ($child === 0) {
    Cache\set('child', Cache\get('a')['from']);
    exit;
}
pcntl_waitpid($child, $status);
var_dump(Cache\get('child'));

// Killed while they store, at any instruction.
for ($round = 0; $round < 20; ++$round) {
    $writer = php_start('for ($i = 0, $end = time() + 60; time() < $end; ++$i) { Pillion\Cache\set("k" . $i % 50, str_repeat("v", $i % 3000)); echo "."; }');
    until(function () use ($writer): bool {
        clearstatcache();

        return filesize($writer['name'] . '.out') > 0;
    });
    usleep(random_int(0, 2000));
    proc_terminate($writer['process'], 9);
    proc_close($writer['process']);
}
$lost = 0;
for ($i = 0; $i < 50; ++$i) {
    $lost += Cache\set("k$i", $i) && Cache\get("k$i") === $i ? 0 : 1;
}
var_dump($lost);
?>
--EXPECT--
string(15) "another process"
string(4) "null"
string(15) "another process"
int(0)
