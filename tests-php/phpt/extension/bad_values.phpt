--TEST--
An invalid setting is reported with place, value and expectation; its capability is off
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

a_file('file');
$bad = [
    'config' => [scratch('missing.yaml'), scratch()],
    'threads' => ['0', '65', 'x'],
    'shutdown_timeout' => ['9s', 'soon', '-1s'],
    'state_dir' => ['relative'],
    'run_dir' => ['relative'],
    'group' => ['two words'],
    'log' => ['relative.log'],
    'log_level' => ['loud'],
    'log_format' => ['xml'],
    'velox_server_url' => ['127.0.0.1:9000', 'ftp://host', 'http://', 'x'],
    'velox_build_timeout' => ['500ms', '25h', '5 minutes'],
    'velox_request_timeout' => ['1ms', '2h'],
    'velox_max_concurrent_builds' => ['0', '1025', '2.5'],
    'velox_path_map' => ['tmp', '/a=b', ','],
    'velox_auth_token' => ['a b'],
    'velox_ca_file' => ['relative.pem'],
    'velox_mutable_ttl' => ['-1s', '9000h'],
    'velox_cache_enabled' => ['maybe'],
    'velox_cache_ttl_days' => ['0', '1.5'],
    'velox_cache_max_size_mb' => ['99', '5 apples'],
    'velox_cache_max_entries' => ['63', '99999999'],
    'velox_cache_cleanup_interval' => ['59s'],
    'velox_retry_max_attempts' => ['0', '101'],
    'velox_retry_initial_delay' => ['0', '2h'],
    'velox_retry_max_delay' => ['0'],
    'velox_retry_backoff_multiplier' => ['0.5', 'x', 'NAN'],
    'worker_reset' => ['umask'],
    'worker_leak_check' => ['sample:0'],
    'worker_gc' => ['on'],
    'worker_max_memory' => ['plenty'],
];
// Any text is a valid cache directory; the settings of Sentry and of worker mode have their own tests.
$ours = array_filter(array_keys(ini_get_all('pillion')), fn ($name) => !preg_match('/^pillion\.(sentry|worker)_/', $name));
echo implode(' ', array_diff($ours, array_map(fn ($name) => "pillion.$name", array_keys($bad)))), "\n";

// The capabilities that keep working; each is called.
$code = '
    $problems = Pillion\status()["problems"];
    ob_start();
    (new ReflectionExtension("pillion"))->info();
    $info = ob_get_clean();
    foreach ($problems as $problem) {
        echo str_replace(scratch(), "SCRATCH", $problem), str_contains($info, "Configuration error => $problem") ? "" : " (not in --ri)", "\n";
    }
    $tell = function (callable $call): string {
        try {
            $call();

            return "works";
        } catch (Pillion\ConfigException $e) {
            return 100 === $e->getCode() && [] !== array_filter(Pillion\status()["problems"], fn ($p) => str_contains($e->getMessage(), $p)) ? "off" : $e->getMessage();
        }
    };
    echo "  key ", $tell(fn () => Pillion\Velox\key(request())), ", find ", $tell(fn () => Pillion\Velox\find(request())),
        ", notifier ", $tell(fn () => Pillion\notifier()), "\n";
';
$started = [];
foreach ($bad as $name => $values) {
    foreach ($values as $value) {
        $started[] = php_start($code, [$name => $value]);
    }
}
foreach ($started as $process) {
    echo php_end($process)['output'];
}
?>
--EXPECT--
pillion.velox_cache_dir
pillion.config (INI): found "SCRATCH/missing.yaml" (can't be read: No such file or directory (os error 2)); expected a YAML file that this user may read
  key works, find off, notifier works
pillion.config (INI): found "SCRATCH" (can't be read: not a regular file); expected a YAML file that this user may read
  key works, find off, notifier works
pillion.threads (INI): found "0" (out of range); expected a whole number from 1 to 64
  key works, find off, notifier works
pillion.threads (INI): found "65" (out of range); expected a whole number from 1 to 64
  key works, find off, notifier works
pillion.threads (INI): found "x" (not a whole number); expected a whole number from 1 to 64
  key works, find off, notifier works
pillion.shutdown_timeout (INI): found "9s" (out of range); expected a duration from 0s to 8s, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.shutdown_timeout (INI): found "soon" (not a duration); expected a duration from 0s to 8s, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.shutdown_timeout (INI): found "-1s" (not a duration); expected a duration from 0s to 8s, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.state_dir (INI): found "relative" (not an absolute path); expected an absolute path
  key works, find off, notifier works
pillion.run_dir (INI): found "relative" (not an absolute path); expected an absolute path
  key works, find off, notifier works
pillion.group (INI): found "two words" (white space or control characters); expected one word without white space
  key works, find off, notifier works
pillion.log (INI): found "relative.log" (not an absolute path); expected stderr, php or an absolute path
  key works, find works, notifier works
pillion.log_level (INI): found "loud" (unknown word); expected one of off, error, warn, info, debug, trace
  key works, find works, notifier works
pillion.log_format (INI): found "xml" (unknown word); expected one of text, json, logfmt
  key works, find works, notifier works
pillion.velox_server_url (INI): found "127.0.0.1:9000" (not a URL: relative URL without a base); expected a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_server_url (INI): found "ftp://host" (scheme "ftp"); expected a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_server_url (INI): found "http://" (not a URL: empty host); expected a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_server_url (INI): found "x" (not a URL: relative URL without a base); expected a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_build_timeout (INI): found "500ms" (out of range); expected a duration from 1s to 24h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_build_timeout (INI): found "25h" (out of range); expected a duration from 1s to 24h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_build_timeout (INI): found "5 minutes" (not a duration); expected a duration from 1s to 24h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_request_timeout (INI): found "1ms" (out of range); expected a duration from 100ms to 1h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_request_timeout (INI): found "2h" (out of range); expected a duration from 100ms to 1h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_max_concurrent_builds (INI): found "0" (out of range); expected a whole number from 1 to 1024
  key works, find off, notifier works
pillion.velox_max_concurrent_builds (INI): found "1025" (out of range); expected a whole number from 1 to 1024
  key works, find off, notifier works
pillion.velox_max_concurrent_builds (INI): found "2.5" (not a whole number); expected a whole number from 1 to 1024
  key works, find off, notifier works
pillion.velox_path_map (INI): found "tmp" ("tmp" is not an absolute path); expected server-root=local-root, … with absolute paths; one path alone maps to itself
  key works, find off, notifier works
pillion.velox_path_map (INI): found "/a=b" ("b" is not an absolute path); expected server-root=local-root, … with absolute paths; one path alone maps to itself
  key works, find off, notifier works
pillion.velox_path_map (INI): found "," (no path); expected server-root=local-root, … with absolute paths; one path alone maps to itself
  key works, find off, notifier works
pillion.velox_auth_token (INI): found "********" (white space or control characters); expected a text without white space or control characters
  key works, find off, notifier works
pillion.velox_ca_file (INI): found "relative.pem" (not an absolute path); expected an absolute path
  key works, find off, notifier works
pillion.velox_mutable_ttl (INI): found "-1s" (not a duration); expected a duration from 0s to 8760h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_mutable_ttl (INI): found "9000h" (out of range); expected a duration from 0s to 8760h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_cache_enabled (INI): found "maybe" (not a yes or no); expected on or off
  key works, find off, notifier works
pillion.velox_cache_ttl_days (INI): found "0" (out of range); expected a whole number from 1 to 36500
  key works, find off, notifier works
pillion.velox_cache_ttl_days (INI): found "1.5" (not a whole number); expected a whole number from 1 to 36500
  key works, find off, notifier works
pillion.velox_cache_max_size_mb (INI): found "99" (out of range); expected a size from 100 to 1073741824 (in MiB), or with a unit like 512M or 6G
  key works, find off, notifier works
pillion.velox_cache_max_size_mb (INI): found "5 apples" (not a size); expected a size from 100 to 1073741824 (in MiB), or with a unit like 512M or 6G
  key works, find off, notifier works
pillion.velox_cache_max_entries (INI): found "63" (out of range); expected a whole number from 64 to 16777216
  key works, find off, notifier works
pillion.velox_cache_max_entries (INI): found "99999999" (out of range); expected a whole number from 64 to 16777216
  key works, find off, notifier works
pillion.velox_cache_cleanup_interval (INI): found "59s" (out of range); expected a duration from 1m to 8760h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_retry_max_attempts (INI): found "0" (out of range); expected a whole number from 1 to 100
  key works, find off, notifier works
pillion.velox_retry_max_attempts (INI): found "101" (out of range); expected a whole number from 1 to 100
  key works, find off, notifier works
pillion.velox_retry_initial_delay (INI): found "0" (out of range); expected a duration from 1ms to 1h, like 90s, 1h30m or 500ms
pillion.velox_retry_max_delay (INI): found "5ms" (less than 1s of pillion.velox_retry_initial_delay (INI)); expected a longest delay that is not below the first one
  key works, find off, notifier works
pillion.velox_retry_initial_delay (INI): found "2h" (out of range); expected a duration from 1ms to 1h, like 90s, 1h30m or 500ms
pillion.velox_retry_max_delay (INI): found "5ms" (less than 1s of pillion.velox_retry_initial_delay (INI)); expected a longest delay that is not below the first one
  key works, find off, notifier works
pillion.velox_retry_max_delay (INI): found "0" (out of range); expected a duration from 1ms to 1h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_retry_backoff_multiplier (INI): found "0.5" (out of range); expected a number from 1.0 to 100.0
  key works, find off, notifier works
pillion.velox_retry_backoff_multiplier (INI): found "x" (not a number); expected a number from 1.0 to 100.0
  key works, find off, notifier works
pillion.velox_retry_backoff_multiplier (INI): found "NAN" (not a number); expected a number from 1.0 to 100.0
  key works, find off, notifier works
pillion.worker_reset (INI): found "umask" (unknown word "umask"); expected none, or a list of ini, handlers, timezone, wrappers, session
  key works, find works, notifier works
pillion.worker_leak_check (INI): found "sample:0" (out of range); expected off, on or sample:N with N from 1 to 1000000
  key works, find works, notifier works
pillion.worker_gc (INI): found "on" (unknown word); expected off or every:N with N from 1 to 1000000
  key works, find works, notifier works
pillion.worker_max_memory (INI): found "plenty" (not a size); expected a size from 0 to 1048576 (in MiB), or with a unit like 512M or 6G
  key works, find works, notifier works
