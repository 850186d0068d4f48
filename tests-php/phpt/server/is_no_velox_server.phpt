--TEST--
Answers of other servers are final and name the setting that is probably wrong
--FILE--
<?php
require __DIR__ . '/../lib.inc';
$velox = with_velox();

foreach ([400, 404, 405, 413, 415] as $status) {
    row($velox, $status, ['answer' => ['kind' => 'raw', 'status' => $status, 'body' => "  no\n\x1b[1m such page "]]);
}
foreach ([301, 302, 307, 308] as $status) {
    row($velox, $status, ['answer' => [
        'kind' => 'raw',
        'status' => $status,
        'headers' => ['Location' => 'http://127.0.0.1:1/elsewhere'],
    ]]);
}
row($velox, 501, ['answer' => ['kind' => 'raw', 'status' => 501]]);
$answer = fn (string $type, string $body) => ['answer' => [
    'kind' => 'raw',
    'status' => 200,
    'headers' => ['Content-Type' => $type],
    'body' => $body,
]];
row($velox, 'a page', $answer('text/html', '<html><title>Welcome</title></html>'));
row($velox, 'no JSON', $answer('application/json', '{"path":'));
row($velox, 'a list', $answer('application/json', '[]'));
row($velox, 'no path', $answer('application/json', '{"logs":"x"}'));
row($velox, 'a path that is none', $answer('application/json', '{"path":7}'));
?>
--EXPECTF--
400, asked 1: Pillion\RemoteException(700): the server at http://%s/ is not a Velox server, velox.server_url is probably wrong: 400 no [1m such page
404, asked 1: Pillion\RemoteException(700): the server at http://%s/ is not a Velox server, velox.server_url is probably wrong: 404 no [1m such page
405, asked 1: Pillion\RemoteException(700): the server at http://%s/ is not a Velox server, velox.server_url is probably wrong: 405 no [1m such page
413, asked 1: Pillion\RemoteException(700): the server at http://%s/ is not a Velox server, velox.server_url is probably wrong: 413 no [1m such page
415, asked 1: Pillion\RemoteException(700): the server at http://%s/ is not a Velox server, velox.server_url is probably wrong: 415 no [1m such page
301, asked 1: Pillion\RemoteException(700): velox server at http://%s/ answered 301 and pointed to http://127.0.0.1:1/elsewhere: redirects are not followed, velox.server_url has to name the server itself
302, asked 1: Pillion\RemoteException(700): velox server at http://%s/ answered 302 and pointed to http://127.0.0.1:1/elsewhere: redirects are not followed, velox.server_url has to name the server itself
307, asked 1: Pillion\RemoteException(700): velox server at http://%s/ answered 307 and pointed to http://127.0.0.1:1/elsewhere: redirects are not followed, velox.server_url has to name the server itself
308, asked 1: Pillion\RemoteException(700): velox server at http://%s/ answered 308 and pointed to http://127.0.0.1:1/elsewhere: redirects are not followed, velox.server_url has to name the server itself
501, asked 1: Pillion\RemoteException(700): velox server at http://%s/ answered 501: an empty body
a page, asked 1: Pillion\RemoteException(700): velox server answered with a binary, which can't be used: it is no ELF executable for linux/amd64: it starts with 3c 68 74 6d 6c 3e 3c 74
no JSON, asked 3: Pillion\RemoteException(700): velox server answered 200 with JSON that can't be read: %s (given up after 3 attempts)
a list, asked 1: Pillion\RemoteException(700): velox server answered 200 without a path to the binary
no path, asked 1: Pillion\RemoteException(700): velox server answered 200 without a path to the binary
a path that is none, asked 3: Pillion\RemoteException(700): velox server answered 200 with JSON that can't be read: %s (given up after 3 attempts)
