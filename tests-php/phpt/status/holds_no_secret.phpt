--TEST--
Secrets never appear in status(), phpinfo, exceptions or the log
--FILE--
<?php
require __DIR__ . '/../lib.inc';
// The user information of a URL is a secret too.
with_velox(['auth_token' => 'another one'], [
    'velox_auth_token' => 'geheim-4711',
    'velox_server_url' => 'http://anna:geheim-4711@{velox}',
    'log_level' => 'trace',
]);

$told = ['status' => json_encode(Pillion\status())];
ob_start();
phpinfo(INFO_MODULES);
$told['phpinfo'] = ob_get_clean();
$future = Pillion\Velox\build(request());
$told['builds'] = json_encode(Pillion\Velox\builds());
$told['exception'] = (string) caught(fn () => $future->wait(30));
until(fn () => str_contains(file_get_contents(scratch('log')), '401'));
$told['log'] = file_get_contents(scratch('log'));
foreach ($told as $name => $text) {
    echo $name, str_contains($text, 'geheim') ? ": a secret!\n$text\n" : ": none\n";
}
var_dump(str_contains($told['exception'], '401'), str_contains($told['phpinfo'], 'pillion.velox_auth_token'));
?>
--EXPECT--
status: none
phpinfo: none
builds: none
exception: none
log: none
bool(true)
bool(true)
