--TEST--
send() accepts envelopes and reports refused ones
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$sentry = with_sentry();

use Pillion\Sentry;

var_dump(Sentry\send(event(1, "umlauts äöü and a \0")));
var_dump(Sentry\send(envelope: event(2), dsn: $sentry->dsn(7)));
var_dump(Sentry\send('{"dsn":"' . str_replace('/', '\/', $sentry->dsn(8)) . '"}' . "\n{\"type\":\"session\"}\n{}"));
var_dump(Sentry\flush(30));
$seen = $sentry->seen();
usort($seen, fn ($a, $b) => $a['path'] <=> $b['path']);
foreach ($seen as $one) {
    echo $one['path'], ' ', json_encode($one['error']), ' ', json_encode($one['items']), "\n";
}
var_dump(1 === preg_match('/^Sentry sentry_version=7, sentry_client=pillion\/[\d.]+, sentry_key=0123456789abcdef$/', $seen[0]['auth']));
// An envelope without items is not sent.
var_dump(Sentry\send('{}'), Sentry\send("{}\n"));
foreach (['', 'x', "{}\n{}\n{}", "{}\n{\"type\":5}\n{}", "{}\n{\"type\":\"event\",\"length\":3}\n{}", "\xff\xfe\n\n"] as $wrong) {
    thrown(fn () => Sentry\send($wrong));
}
foreach (['https://s3cret@host', 's3cret@host/1', "https://s3cret@host/1\n", "\xff"] as $wrong) {
    thrown(fn () => Sentry\send(event(3), $wrong));
}
thrown(fn () => Sentry\send());
thrown(fn () => Sentry\send([]));
// An empty DSN names no project, and the next one applies; a nested one is ignored, and a value is no key.
$header = '{"trace":{"environment":"dsn","dsn":"https://k@nowhere.invalid/9"},"dsn":"%s"}';
var_dump(Sentry\send(event(4), ''));
foreach (['', $sentry->dsn(7)] as $dsn) {
    var_dump(Sentry\send(sprintf($header, $dsn) . "\n{\"type\":\"session\"}\n{}"));
}
var_dump(Sentry\flush(30), $sentry->events());
$paths = array_column($sentry->seen(), 'path');
sort($paths);
echo implode(' ', $paths), "\n";
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
/api/1/envelope/ null [[{"type":"event"},{"message":"umlauts \u00e4\u00f6\u00fc and a \u0000"}]]
/api/7/envelope/ null [[{"type":"event"},{"message":"boom"}]]
/api/8/envelope/ null [[{"type":"session"},[]]]
bool(true)
bool(false)
bool(false)
Pillion\InvalidRequestException(200): envelope: invalid header (expected a JSON object on one line): found none
Pillion\InvalidRequestException(200): envelope: invalid header (expected a JSON object on one line): found none
Pillion\InvalidRequestException(200): envelope: invalid item header at byte 3 (expected a JSON object on one line): missing field `type` at line 1 column 2
Pillion\InvalidRequestException(200): envelope: invalid item header at byte 3 (expected a JSON object on one line): invalid type: integer `5`, expected a string at line 1 column 9
Pillion\InvalidRequestException(200): envelope: item at byte 3 is shorter than its length of 3 bytes
Pillion\InvalidRequestException(200): envelope: invalid header (expected a JSON object on one line): found none
Pillion\ConfigException(100): DSN: found no project after the last slash; expected https://<key>@<host>/<project>
Pillion\ConfigException(100): DSN: found no scheme; expected https://<key>@<host>/<project>
Pillion\ConfigException(100): DSN: found white space or control characters; expected https://<key>@<host>/<project>
Pillion\ConfigException(100): DSN: found a text that is not UTF-8; expected https://<key>@<host>/<project>
ArgumentCountError(0): Pillion\Sentry\send() expects at least 1 argument, 0 given
TypeError(0): Pillion\Sentry\send(): Argument #1 ($envelope) must be of type string, array given
bool(true)
bool(true)
bool(true)
bool(true)
array(3) {
  [0]=>
  int(1)
  [1]=>
  int(2)
  [2]=>
  int(4)
}
/api/1/envelope/ /api/1/envelope/ /api/1/envelope/ /api/7/envelope/ /api/7/envelope/ /api/8/envelope/
