--TEST--
Each setting's bad value is told with its place, the value and what would be right, and what it belongs to is off
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
// Any text is a path for a cache directory; Sentry's and worker mode's have tests of their own; all others are here.
$ours = array_filter(array_keys(ini_get_all('pillion')), fn ($name) => !preg_match('/^pillion\.(sentry|worker)_/', $name));
echo implode(' ', array_diff($ours, array_map(fn ($name) => "pillion.$name", array_keys($bad)))), "\n";

// The names of what keeps working; each is called.
$code = '
    $problems = Pillion\status()["problems"];
    ob_start();
    (new ReflectionExtension("pillion"))->info();
    $info = ob_get_clean();
    foreach ($problems as $problem) {
        echo str_replace(scratch(), "SCRATCH", $problem), str_contains($info, "Problem => $problem") ? "" : " (not in --ri)", "\n";
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
pillion.config (INI): "SCRATCH/missing.yaml" can't be read: No such file or directory (os error 2); right would be a YAML file that this user may read
  key works, find off, notifier works
pillion.config (INI): "SCRATCH" can't be read: is no regular file; right would be a YAML file that this user may read
  key works, find off, notifier works
pillion.threads (INI): "0" is out of range; right would be a whole number from 1 to 64
  key works, find off, notifier works
pillion.threads (INI): "65" is out of range; right would be a whole number from 1 to 64
  key works, find off, notifier works
pillion.threads (INI): "x" is not a whole number; right would be a whole number from 1 to 64
  key works, find off, notifier works
pillion.shutdown_timeout (INI): "9s" is out of range; right would be a duration from 0s to 8s, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.shutdown_timeout (INI): "soon" is not a duration; right would be a duration from 0s to 8s, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.shutdown_timeout (INI): "-1s" is not a duration; right would be a duration from 0s to 8s, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.state_dir (INI): "relative" is not an absolute path; right would be an absolute path
  key works, find off, notifier works
pillion.run_dir (INI): "relative" is not an absolute path; right would be an absolute path
  key works, find off, notifier works
pillion.group (INI): "two words" holds white space or control characters; right would be one word without white space
  key works, find off, notifier works
pillion.log (INI): "relative.log" is not an absolute path; right would be stderr, php or an absolute path
  key works, find works, notifier works
pillion.log_level (INI): "loud" is none of the known words; right would be one of off, error, warn, info, debug, trace
  key works, find works, notifier works
pillion.log_format (INI): "xml" is none of the known words; right would be one of text, json, logfmt
  key works, find works, notifier works
pillion.velox_server_url (INI): "127.0.0.1:9000" is no URL (relative URL without a base); right would be a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_server_url (INI): "ftp://host" has the scheme "ftp"; right would be a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_server_url (INI): "http://" is no URL (empty host); right would be a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_server_url (INI): "x" is no URL (relative URL without a base); right would be a URL like http://127.0.0.1:9000, or https://…
  key works, find off, notifier works
pillion.velox_build_timeout (INI): "500ms" is out of range; right would be a duration from 1s to 24h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_build_timeout (INI): "25h" is out of range; right would be a duration from 1s to 24h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_build_timeout (INI): "5 minutes" is not a duration; right would be a duration from 1s to 24h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_request_timeout (INI): "1ms" is out of range; right would be a duration from 100ms to 1h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_request_timeout (INI): "2h" is out of range; right would be a duration from 100ms to 1h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_max_concurrent_builds (INI): "0" is out of range; right would be a whole number from 1 to 1024
  key works, find off, notifier works
pillion.velox_max_concurrent_builds (INI): "1025" is out of range; right would be a whole number from 1 to 1024
  key works, find off, notifier works
pillion.velox_max_concurrent_builds (INI): "2.5" is not a whole number; right would be a whole number from 1 to 1024
  key works, find off, notifier works
pillion.velox_path_map (INI): "tmp" names "tmp", which is not an absolute path; right would be server-root=local-root, … with absolute paths; one path alone maps to itself
  key works, find off, notifier works
pillion.velox_path_map (INI): "/a=b" names "b", which is not an absolute path; right would be server-root=local-root, … with absolute paths; one path alone maps to itself
  key works, find off, notifier works
pillion.velox_path_map (INI): "," names no path; right would be server-root=local-root, … with absolute paths; one path alone maps to itself
  key works, find off, notifier works
pillion.velox_auth_token (INI): "********" holds white space or control characters; right would be a text without white space or control characters
  key works, find off, notifier works
pillion.velox_ca_file (INI): "relative.pem" is not an absolute path; right would be an absolute path
  key works, find off, notifier works
pillion.velox_mutable_ttl (INI): "-1s" is not a duration; right would be a duration from 0s to 8760h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_mutable_ttl (INI): "9000h" is out of range; right would be a duration from 0s to 8760h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_cache_enabled (INI): "maybe" is not a yes or no; right would be on or off
  key works, find off, notifier works
pillion.velox_cache_ttl_days (INI): "0" is out of range; right would be a whole number from 1 to 36500
  key works, find off, notifier works
pillion.velox_cache_ttl_days (INI): "1.5" is not a whole number; right would be a whole number from 1 to 36500
  key works, find off, notifier works
pillion.velox_cache_max_size_mb (INI): "99" is out of range; right would be a size from 100 to 1073741824 (in MiB), or with a unit like 512M or 6G
  key works, find off, notifier works
pillion.velox_cache_max_size_mb (INI): "5 apples" is not a size; right would be a size from 100 to 1073741824 (in MiB), or with a unit like 512M or 6G
  key works, find off, notifier works
pillion.velox_cache_max_entries (INI): "63" is out of range; right would be a whole number from 64 to 16777216
  key works, find off, notifier works
pillion.velox_cache_max_entries (INI): "99999999" is out of range; right would be a whole number from 64 to 16777216
  key works, find off, notifier works
pillion.velox_cache_cleanup_interval (INI): "59s" is out of range; right would be a duration from 1m to 8760h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_retry_max_attempts (INI): "0" is out of range; right would be a whole number from 1 to 100
  key works, find off, notifier works
pillion.velox_retry_max_attempts (INI): "101" is out of range; right would be a whole number from 1 to 100
  key works, find off, notifier works
pillion.velox_retry_initial_delay (INI): "0" is out of range; right would be a duration from 1ms to 1h, like 90s, 1h30m or 500ms
pillion.velox_retry_max_delay (INI): "5ms" is less than 1s of pillion.velox_retry_initial_delay (INI); right would be a first pause that is not longer than the longest one
  key works, find off, notifier works
pillion.velox_retry_initial_delay (INI): "2h" is out of range; right would be a duration from 1ms to 1h, like 90s, 1h30m or 500ms
pillion.velox_retry_max_delay (INI): "5ms" is less than 1s of pillion.velox_retry_initial_delay (INI); right would be a first pause that is not longer than the longest one
  key works, find off, notifier works
pillion.velox_retry_max_delay (INI): "0" is out of range; right would be a duration from 1ms to 1h, like 90s, 1h30m or 500ms
  key works, find off, notifier works
pillion.velox_retry_backoff_multiplier (INI): "0.5" is out of range; right would be a number from 1.0 to 100.0
  key works, find off, notifier works
pillion.velox_retry_backoff_multiplier (INI): "x" is not a number; right would be a number from 1.0 to 100.0
  key works, find off, notifier works
pillion.velox_retry_backoff_multiplier (INI): "NAN" is not a number; right would be a number from 1.0 to 100.0
  key works, find off, notifier works
pillion.worker_reset (INI): "umask" names "umask", which is none of the known words; right would be none, or a list of ini, handlers, timezone, wrappers, session
  key works, find works, notifier works
pillion.worker_leak_check (INI): "sample:0" is out of range; right would be off, on or sample:N with N from 1 to 1000000
  key works, find works, notifier works
pillion.worker_gc (INI): "on" is none of the known words; right would be off or every:N with N from 1 to 1000000
  key works, find works, notifier works
pillion.worker_max_memory (INI): "plenty" is not a size; right would be a size from 0 to 1048576 (in MiB), or with a unit like 512M or 6G
  key works, find works, notifier works
