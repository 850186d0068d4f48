--TEST--
send() takes envelopes, and tells what it does not take
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
    echo $one['path'], ' ', $one['encoding'], ' ', json_encode($one['error']), ' ', json_encode($one['items']), "\n";
}
var_dump(1 === preg_match('/^Sentry sentry_version=7, sentry_client=pillion\/[\d.]+, sentry_key=0123456789abcdef$/', $seen[0]['auth']));
foreach (['', 'x', '{}', "{}\n", "{}\n{}\n{}", "{}\n{\"type\":5}\n{}", "\xff\xfe\n\n"] as $wrong) {
    thrown(fn () => Sentry\send($wrong));
}
foreach (['', 'https://s3cret@host', 's3cret@host/1', "https://s3cret@host/1\n", "\xff"] as $wrong) {
    thrown(fn () => Sentry\send(event(3), $wrong));
}
thrown(fn () => Sentry\send());
thrown(fn () => Sentry\send([]));
var_dump($sentry->events());
?>
--EXPECT--
bool(true)
bool(true)
bool(true)
bool(true)
/api/1/envelope/ gzip null [[{"type":"event"},{"message":"umlauts \u00e4\u00f6\u00fc and a \u0000"}]]
/api/7/envelope/ gzip null [[{"type":"event"},{"message":"boom"}]]
/api/8/envelope/ gzip null [[{"type":"session"},[]]]
bool(true)
Pillion\InvalidRequestException(200): envelope: has no item: a line of headers and a line of item headers would be right
Pillion\InvalidRequestException(200): envelope: has no item: a line of headers and a line of item headers would be right
Pillion\InvalidRequestException(200): envelope: has no item: a line of headers and a line of item headers would be right
Pillion\InvalidRequestException(200): envelope: has no item header, a JSON object, in its second line
Pillion\InvalidRequestException(200): envelope: has an item header without a type
Pillion\InvalidRequestException(200): envelope: has an item header without a type
Pillion\InvalidRequestException(200): envelope: does not begin with a line that is a JSON object
Pillion\ConfigException(100): the DSN is empty; https://<key>@<host>/<project> would be right
Pillion\ConfigException(100): the DSN names no project after the last slash; https://<key>@<host>/<project> would be right
Pillion\ConfigException(100): the DSN has no scheme; https://<key>@<host>/<project> would be right
Pillion\ConfigException(100): the DSN holds white space or control characters; https://<key>@<host>/<project> would be right
Pillion\ConfigException(100): the DSN is no UTF-8 text; https://<key>@<host>/<project> would be right
ArgumentCountError(0): Pillion\Sentry\send() expects at least 1 argument, 0 given
TypeError(0): Pillion\Sentry\send(): Argument #1 ($envelope) must be of type string, array given
array(2) {
  [0]=>
  int(1)
  [1]=>
  int(2)
}
