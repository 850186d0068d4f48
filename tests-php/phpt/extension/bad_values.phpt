--TEST--
An invalid setting is reported with place, value and expectation; its capability is off
--FILE--
<?php
require __DIR__ . '/../lib.inc';
without_velox();

// One of each capability; every setting, type and source has a row in the tests of the engine.
$bad = [
    ['threads' => '65'],
    ['velox_auth_token' => 'a s3cret'],
    ['velox_sever_url' => 'http://127.0.0.1:9000'],
    ['velox_retry_initial_delay' => '0'],
    ['log_level' => 'loud'],
    ['worker_reset' => 'ini, sessions'],
    ['sentry_dsn' => 'https://s3cret@'],
    ['config' => scratch('missing.yaml')],
    ['config' => scratch('bad.yaml')],
];
file_put_contents(scratch('bad.yaml'), <<<'YAML'
    velox:
      build_timeout: soon
      retry:
        max_atempts: 3
    YAML);
// The capabilities that keep working; each is called.
$code = '
    $problems = Pillion\status()["problems"];
    ob_start();
    (new ReflectionExtension("pillion"))->info();
    $info = ob_get_clean();
    foreach ($problems as $problem) {
        $shown = str_contains($info, "=> $problem") ? "" : " (not in --ri)";
        echo str_replace(scratch(), "SCRATCH", $problem), $shown, "\n";
    }
    $tell = function (callable $call): string {
        try {
            $call();

            return "works";
        } catch (Pillion\ConfigException $e) {
            return 100 === $e->getCode() && [] !== array_filter(Pillion\status()["problems"], fn ($p) => str_contains($e->getMessage(), $p)) ? "off" : $e->getMessage();
        }
    };
    Pillion\Worker\request_begin();
    Pillion\Worker\request_end();
    echo "  key ", $tell(fn () => Pillion\Velox\key(request())), ", find ", $tell(fn () => Pillion\Velox\find(request())),
        ", notifier ", $tell(fn () => Pillion\notifier()), ", sentry ", $tell(fn () => Pillion\Sentry\send(event(1))),
        ", requests ", Pillion\Worker\status()["requests"], "\n";
';
foreach ($bad as $settings) {
    echo php($code, $settings)['output'];
}
?>
--EXPECT--
pillion.threads (INI): found "65" (out of range); expected a whole number from 1 to 64
  key works, find off, notifier works, sentry off, requests 1
pillion.velox_auth_token (INI): found "********" (white space or control characters); expected a text without white space or control characters
  key works, find off, notifier works, sentry works, requests 1
pillion.velox_sever_url (INI): found an unknown setting, which has no effect; did you mean pillion.velox_server_url?
  key works, find works, notifier works, sentry works, requests 1
pillion.velox_retry_initial_delay (INI): found "0" (out of range); expected a duration from 1ms to 1h, like 90s, 1h30m or 500ms
pillion.velox_retry_max_delay (INI): found "5ms" (less than 1s of pillion.velox_retry_initial_delay (INI)); expected a longest delay that is not below the first one
  key works, find off, notifier works, sentry works, requests 1
pillion.log_level (INI): found "loud" (unknown word); expected one of off, error, warn, info, debug, trace
  key works, find works, notifier works, sentry works, requests 1
pillion.worker_reset (INI): found "ini, sessions" (unknown word "sessions"; did you mean session?); expected none, or a list of ini, handlers, timezone, wrappers, session
  key works, find works, notifier works, sentry works, requests 1
pillion.sentry_dsn (INI): found "********" (not a URL: empty host); expected a DSN like https://key@sentry.example/1
  key works, find works, notifier works, sentry off, requests 1
pillion.config (INI): found "SCRATCH/missing.yaml" (can't be read: No such file or directory (os error 2)); expected a YAML file that this user may read
  key works, find off, notifier works, sentry off, requests 1
velox.retry.max_atempts in SCRATCH/bad.yaml line 4: found an unknown setting, which has no effect; did you mean velox.retry.max_attempts?
velox.build_timeout in SCRATCH/bad.yaml line 2: found "soon" (not a duration); expected a duration from 1s to 24h, like 90s, 1h30m or 500ms
  key works, find off, notifier works, sentry works, requests 1
