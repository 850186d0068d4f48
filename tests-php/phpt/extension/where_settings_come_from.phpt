--TEST--
Settings come from INI, then the environment, then the YAML file, then the default
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

file_put_contents(scratch('.rr.yaml'), <<<'YAML'
    version: "3"
    http:
      address: 127.0.0.1:8080
    velox:
      server_url: ${PILLION_TEST_URL:-http://127.0.0.1:9001}
      max_concurrent_builds: 7
      cache:
        dir: ./cache
    pillion:
      threads: 3
    YAML);
$code = 'foreach (["velox_max_concurrent_builds", "velox_server_url", "velox_cache_dir", "threads"] as $name) {
    ob_start();
    (new ReflectionExtension("pillion"))->info();
    preg_match("/^pillion.$name => (.*)$/m", ob_get_clean(), $found);
    echo str_replace(scratch(), "SCRATCH", $found[1]), "\n";
}';
echo "default\n", php($code)['output'];
echo "file\n", php($code, ['config' => scratch('.rr.yaml')])['output'];
putenv('PILLION_VELOX_MAX_CONCURRENT_BUILDS=8');
putenv('PILLION_TEST_URL=http://127.0.0.1:9002');
echo "environment\n", php($code, ['config' => scratch('.rr.yaml')])['output'];
echo "INI\n", php($code, ['config' => scratch('.rr.yaml'), 'velox_max_concurrent_builds' => 9])['output'];
// An empty variable counts as unset.
echo "empty\n", php($code, ['config' => scratch('.rr.yaml'), 'velox_max_concurrent_builds' => ''])['output'];
?>
--EXPECTF--
default
5 => default
no value => default
.rr-cache/velox-binaries => default
1 => default
file
7 => SCRATCH/.rr.yaml%S
http://127.0.0.1:9001/ => SCRATCH/.rr.yaml%S
SCRATCH/cache => SCRATCH/.rr.yaml%S
3 => SCRATCH/.rr.yaml%S
environment
8 => environment PILLION_VELOX_MAX_CONCURRENT_BUILDS
http://127.0.0.1:9002/ => SCRATCH/.rr.yaml%S
SCRATCH/cache => SCRATCH/.rr.yaml%S
3 => SCRATCH/.rr.yaml%S
INI
9 => INI
http://127.0.0.1:9002/ => SCRATCH/.rr.yaml%S
SCRATCH/cache => SCRATCH/.rr.yaml%S
3 => SCRATCH/.rr.yaml%S
empty
8 => environment PILLION_VELOX_MAX_CONCURRENT_BUILDS
http://127.0.0.1:9002/ => SCRATCH/.rr.yaml%S
SCRATCH/cache => SCRATCH/.rr.yaml%S
3 => SCRATCH/.rr.yaml%S
