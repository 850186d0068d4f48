--TEST--
Keys never appear in status, phpinfo, log, exceptions, dead letters or file names
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry([
    'sentry_dsn' => 'http://geheim4711:geheim4712@{sentry}/1',
    'sentry_transport_proxy_auth' => 'anna:geheim4713',
    'sentry_retry_max_attempts' => 2,
    'sentry_retry_max_age' => '5s',
    'sentry_logging_level' => 'trace',
    'log_level' => 'trace',
]);

use Pillion\Sentry;

$address = parse_url($sentry->dsn(), PHP_URL_PORT);
// Delivered, refused, rate limited; dead: broken off, too old, refused by the system, no TLS, no such host.
// (A reused connection that breaks is retried once and counts as no attempt.)
$sentry->behave(['status' => 200, 'times' => 1], ['status' => 403, 'times' => 1], ['delivery' => ['drop_at' => 0], 'times' => 3]);
foreach ([1, 2, 3] as $number) {
    Sentry\send(event($number));
    var_dump(Sentry\flush(30));
}
foreach (["http://geheim4714@127.0.0.1:1/1", "https://geheim4715@127.0.0.1:$address/1", 'http://geheim4716@nowhere.invalid/1'] as $at => $dsn) {
    Sentry\send(event(10 + $at), $dsn);
}
var_dump(Sentry\flush(60));
$sentry->behave(['status' => 429, 'times' => 1]);
Sentry\send(event(4));
var_dump(Sentry\flush(30));
$told = [];
foreach (['ftp://geheim4717@host/1', 'http://geheim4718@', 'http://geheim4719@host', "http://geheim4720,x@h/1", "http://geheim4721@h:0/1", "http://geheim4722\n@h/1"] as $wrong) {
    $told['exception of send()'][] = (string) caught(fn () => Sentry\send(event(5), $wrong));
    $told['exception of capture()'][] = (string) caught(fn () => Sentry\capture(['message' => 'x'], $wrong));
    $told['exception of send_batch()'][] = (string) caught(fn () => Sentry\send_batch([event(5)], $wrong));
    $inside = '{"dsn":' . json_encode($wrong) . "}\n{\"type\":\"event\"}\n{}";
    $told['exception of a header'][] = (string) caught(fn () => Sentry\send($inside));
}
// A trace contains the arguments of the caller.
$told = array_map(fn ($texts) => preg_replace('/^#\d.*$/m', '', implode("\n", $texts)), $told);
$told['status'] = json_encode(Pillion\status());
$told['Sentry\status'] = json_encode(Sentry\status());
$told['metrics'] = json_encode(Sentry\metrics());
$told['dead letters'] = json_encode(Sentry\dead_letters());
ob_start();
phpinfo(INFO_MODULES);
$told['phpinfo'] = ob_get_clean();
$told['log'] = file_get_contents(scratch('log'));
$names = $open = [];
foreach (new RecursiveIteratorIterator(new RecursiveDirectoryIterator(scratch(), FilesystemIterator::SKIP_DOTS)) as $path => $file) {
    $names[] = $path;
    // Files with a key are readable by their user only.
    if ($file->getPerms() & 0o077 && str_contains((string) file_get_contents($path), 'geheim') && !str_contains($path, '/code-') && !str_ends_with($path, '.ini')) {
        $open[] = $path;
    }
}
$told['names'] = implode("\n", $names);
foreach ($told as $name => $text) {
    echo $name, str_contains($text, 'geheim') ? ": a secret!\n$text\n" : ": none\n";
}
var_dump(count(Sentry\dead_letters()), $open, str_contains($told['log'], '403'), substr_count($told['names'], '.letter'));
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
bool(true)
exception of send(): none
exception of capture(): none
exception of send_batch(): none
exception of a header: none
status: none
Sentry\status: none
metrics: none
dead letters: none
phpinfo: none
log: none
names: none
int(4)
array(0) {
}
bool(true)
int(4)
