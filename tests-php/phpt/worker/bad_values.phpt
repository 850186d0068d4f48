--TEST--
A bad value of worker mode's settings is told with its place and with what would be right, and nothing else suffers
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

$bad = [
    'worker_reset' => ['umask', 'ini, sessions', 'all'],
    'worker_leak_check' => ['sometimes', 'sample:0'],
    'worker_gc' => ['often', 'every:0'],
    'worker_max_memory' => ['much'],
];
$ours = preg_grep('/^pillion\.worker_/', array_keys(ini_get_all('pillion')));
echo implode(' ', array_diff($ours, array_map(fn ($name) => "pillion.$name", array_keys($bad)))), "\n";
$code = '
    echo implode("\n", Pillion\status()["problems"]), "\n";
    Pillion\Worker\request_begin();
    Pillion\Worker\request_end();
    echo "  requests: ", Pillion\Worker\status()["requests"], "\n";
';
foreach ($bad as $name => $values) {
    foreach ($values as $value) {
        echo php($code, [$name => $value])['output'];
    }
}
echo php($code, ['worker_reset' => 'Session, ini,'])['output'];
?>
--EXPECT--

pillion.worker_reset (INI): "umask" names "umask", which is none of the known words; right would be none, or a list of ini, handlers, timezone, wrappers, session
  requests: 1
pillion.worker_reset (INI): "ini, sessions" names "sessions", which is none of the known words (did you mean session?); right would be none, or a list of ini, handlers, timezone, wrappers, session
  requests: 1
pillion.worker_reset (INI): "all" names "all", which is none of the known words; right would be none, or a list of ini, handlers, timezone, wrappers, session
  requests: 1
pillion.worker_leak_check (INI): "sometimes" is none of the known words; right would be off, on or sample:N with N from 1 to 1000000
  requests: 1
pillion.worker_leak_check (INI): "sample:0" is out of range; right would be off, on or sample:N with N from 1 to 1000000
  requests: 1
pillion.worker_gc (INI): "often" is none of the known words; right would be off or every:N with N from 1 to 1000000
  requests: 1
pillion.worker_gc (INI): "every:0" is out of range; right would be off or every:N with N from 1 to 1000000
  requests: 1
pillion.worker_max_memory (INI): "much" is not a size; right would be a size from 0 to 1048576 (in MiB), or with a unit like 512M or 6G
  requests: 1

  requests: 1
