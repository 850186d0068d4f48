<?php

// The bridge's wire to RoadRunner without RoadRunner: invalid input is reported as such, for any bytes.

declare(strict_types=1);

namespace Pillion\Tests;

use Pillion\Bridge\RoadRunner\HttpWorker;
use Pillion\Bridge\RoadRunner\Message;
use Pillion\Bridge\RoadRunner\Request;
use Pillion\Bridge\RoadRunner\Response;
use Pillion\Bridge\RoadRunner\Wire;
use Pillion\Bridge\RoadRunner\WireException;

require __DIR__ . '/../lib.php';
require __DIR__ . '/../lib/bridge.php';

/** @return resource a stream with these bytes, then its end */
function stream_of(string $bytes): mixed
{
    $stream = fopen('php://temp', 'w+');
    fwrite($stream, $bytes);
    rewind($stream);

    return $stream;
}

/** @param array<string, list<string>> $headers */
function request_message(string $uri, array $headers): string
{
    return Message::bytes(1, '10.0.0.1') . Message::bytes(2, 'HTTP/2.0') . Message::bytes(3, 'PATCH') . Message::bytes(4, $uri)
        . Message::lists(5, $headers) . Message::bytes(7, 'a=1') . Message::number(8, 0) . Message::lists(10, ['user' => ['ann', 'bob']]);
}

function frame(string $context, string $body, int $flags = Wire::PROTOBUF): string
{
    $wire = new Wire(stream_of(''), $out = fopen('php://temp', 'w+'));
    $wire->send($flags, $context, $body);

    return stream_get_contents($out, offset: 0);
}

test('written data are read back unchanged, for any bytes', function (): void {
    foreach ([0, 1, 127, 128, 300, 1 << 35, PHP_INT_MAX] as $number) {
        same([3 => [$number]], Message::decode(Message::number(3, $number)));
    }
    $random = new \Random\Randomizer(new \Random\Engine\Mt19937(5));
    for ($i = 0; $i < 200; $i++) {
        $lists = [];
        for ($j = $random->getInt(0, 4); $j > 0; $j--) {
            $lists['n' . $random->getBytes($random->getInt(0, 200))] = array_map(static fn (): string => $random->getBytes($random->getInt(1, 400)), range(1, $random->getInt(1, 3)));
        }
        same($lists, Message::toLists(Message::decode(Message::lists(5, $lists))[5] ?? []));
        [$context, $body] = [$random->getBytes($random->getInt(1, 500)), $random->getBytes($random->getInt(1, 70_000))];
        same([Wire::PROTOBUF, 0, $context, $body], (new Wire(stream_of(frame($context, $body)), fopen('php://memory', 'w')))->receive());
    }
});

test('half a message and random bytes are a WireException or no message, nothing else', function (): void {
    $random = new \Random\Randomizer(new \Random\Engine\Mt19937(7));
    $whole = frame(request_message('http://a/b?c', ['X-A' => ['1', '2'], 'X-B' => ['3']]), 'body');
    $served = $refused = $ended = 0;
    for ($i = 0; $i < 3000; $i++) {
        $bytes = $whole;
        match ($i % 3) {
            0 => $bytes = substr($bytes, 0, $random->getInt(0, strlen($bytes) - 1)),
            1 => $bytes[$random->getInt(0, strlen($bytes) - 1)] = $random->getBytes(1),
            2 => $bytes = frame($random->getBytes($random->getInt(1, 60)), ''),
        };
        try {
            (new HttpWorker(stream_of($bytes), fopen('php://memory', 'w')))->waitRequest() === null ? $ended++ : $served++;
        } catch (WireException) {
            $refused++;
        }
    }
    is_true($served > 100 && $refused > 100 && $ended > 100, show([$served, $refused, $ended]));
});

test('a request has RoadRunner\'s values; unknown fields are ignored', function (): void {
    $message = request_message('http://example.com/a%20b?x', ['X-A' => ['1', '2']]) . Message::bytes(99, 'new') . Message::number(100, 7) . "\xa9\x06" . str_repeat('x', 8);
    $request = Request::fromMessage($message, 'raw');
    same(['PATCH', '/a%20b', '1, 2', '', ['user' => ['ann', 'bob']], 'raw'], [$request->method, $request->path(), $request->header('x-a'), $request->header('x-b'), $request->attributes, $request->body]);
    same('/', Request::fromMessage('', '')->path());
});

test('an answer that can\'t be sent is refused before its first byte', function (): void {
    $bad = [
        'status' => [[100, [], ''], [600, [], ''], ['200', [], ''], ['status' => null, 'body' => ''] + ['statuscode' => 1]],
        'headers' => [[200, ["A\nB" => 'x'], ''], [200, ['A' => "x\r\ny"], ''], [200, ['' => 'x'], ''], [200, ['A' => [['x']]], ''], [200, 'A: x', '']],
        'body' => [[200, [], 5], [200, [], new \stdClass()], 5, true, new \stdClass(), ['a', 'b', 'c', 'd'], ['text' => 'x']],
    ];
    foreach ($bad as $what => $answers) {
        foreach ($answers as $answer) {
            try {
                Response::from($answer);
            } catch (\InvalidArgumentException) {
                continue;
            }
            fail("taken: {$what} " . show($answer));
        }
    }
    same([['A' => ['1', '2.5', 'x']], 'b'], [(new Response(200, ['A' => [1, 2.5, 'x']]))->headers, Response::from([200, [], 'b'])->body]);
});
