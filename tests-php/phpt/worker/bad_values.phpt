--TEST--
An invalid worker mode setting is reported with place and expectation; others apply
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

pillion.worker_reset (INI): found "umask" (unknown word "umask"); expected none, or a list of ini, handlers, timezone, wrappers, session
  requests: 1
pillion.worker_reset (INI): found "ini, sessions" (unknown word "sessions"; did you mean session?); expected none, or a list of ini, handlers, timezone, wrappers, session
  requests: 1
pillion.worker_reset (INI): found "all" (unknown word "all"); expected none, or a list of ini, handlers, timezone, wrappers, session
  requests: 1
pillion.worker_leak_check (INI): found "sometimes" (unknown word); expected off, on or sample:N with N from 1 to 1000000
  requests: 1
pillion.worker_leak_check (INI): found "sample:0" (out of range); expected off, on or sample:N with N from 1 to 1000000
  requests: 1
pillion.worker_gc (INI): found "often" (unknown word); expected off or every:N with N from 1 to 1000000
  requests: 1
pillion.worker_gc (INI): found "every:0" (out of range); expected off or every:N with N from 1 to 1000000
  requests: 1
pillion.worker_max_memory (INI): found "much" (not a size); expected a size from 0 to 1048576 (in MiB), or with a unit like 512M or 6G
  requests: 1

  requests: 1
