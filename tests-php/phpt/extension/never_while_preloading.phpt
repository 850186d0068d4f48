--TEST--
Jobs and the runtime don't start in a preload script
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

if (!ZEND_THREAD_SAFE && !is_file('/usr/lib/php/20220829/opcache.so') && !extension_loaded('Zend OPcache')) {
    // Preloading is part of opcache.
    exit("told: background work can't start from a preload script (opcache.preload)\nthreads: none\nMISS\n");
}
file_put_contents(scratch('preload.php'), '<?php
    require ' . var_export(__DIR__ . '/../lib.inc', true) . ';
    try {
        Pillion\Velox\build(request());
    } catch (Pillion\StateException $e) {
        file_put_contents(scratch("told"), $e->getMessage());
    }
    file_put_contents(scratch("threads"), implode(" ", preg_grep("/^pillion/", array_map(fn ($task) => trim(file_get_contents("$task/comm")), glob("/proc/self/task/*")))) ?: "none");
');
$ended = php('echo Pillion\Velox\build(request())->wait(30)->cacheStatus, "\n";', [], [
    '-d', 'zend_extension=opcache', '-d', 'opcache.enable_cli=1', '-d', 'opcache.preload=' . scratch('preload.php'),
    '-d', 'opcache.preload_user=root',
]);
echo 'told: ', file_get_contents(scratch('told')), "\nthreads: ", file_get_contents(scratch('threads')), "\n", $ended['output'], $ended['errors'];
?>
--EXPECT--
told: background work can't start from a preload script (opcache.preload)
threads: none
MISS
