<?php

// Classes with the names and the public methods of RoadRunner's PHP packages (spiral/goridge, spiral/roadrunner-worker and
// spiral/roadrunner-http), as far as a worker needs them. The packages themselves are in no registry that a test could ask.

declare(strict_types=1);

namespace Spiral\Goridge {
    final class StreamRelay
    {
        /**
         * @param resource $in
         * @param resource $out
         */
        public function __construct(private $in, private $out) {}

        /** @return array{int, int, string, string} flags, the byte for streams, context and body */
        public function waitFrame(): array
        {
            $header = fread($this->in, 12);
            is_string($header) && strlen($header) === 12 || throw new \RuntimeException('Unable to read a frame header');
            ['words' => $words, 'flags' => $flags, 'length' => $length, 'stream' => $stream] = unpack('Cwords/Cflags/Vlength/Vcrc/Cstream', $header);
            $options = ($words & 0x0f) * 4 - 12;
            for ($rest = ''; strlen($rest) < $options + $length; $rest .= $piece) {
                $piece = fread($this->in, $options + $length - strlen($rest));
                is_string($piece) && $piece !== '' || throw new \RuntimeException('Unable to read a frame');
            }
            $context = $options === 0 ? 0 : unpack('V', $rest)[1];

            return [$flags, $stream, substr($rest, $options, $context), substr($rest, $options + $context)];
        }

        public function hasFrame(): bool
        {
            [$read, $none] = [[$this->in], null];

            return stream_select($read, $none, $none, 0) === 1;
        }

        public function send(int $flags, string $context, string $body = '', int $stream = 0): void
        {
            $options = ($flags & 0x01) === 0 ? pack('V', strlen($context)) : '';
            $head = pack('CCV', 0x10 | 3 + intdiv(strlen($options), 4), $flags, strlen($context) + strlen($body));
            $frame = $head . pack('VCx', crc32($head), $stream) . $options . $context . $body;
            fwrite($this->out, $frame, strlen($frame)) === false && throw new \RuntimeException('Unable to write a frame');
        }
    }
}

namespace Spiral\RoadRunner {
    use Pillion\Bridge\RoadRunner\Wire;
    use Spiral\Goridge\StreamRelay;

    require_once __DIR__ . '/bridge.php';

    final class Payload
    {
        public function __construct(public string $body = '', public string $header = '', public bool $eos = true) {}
    }

    class Worker
    {
        private readonly StreamRelay $relay;

        public function __construct()
        {
            $this->relay = new StreamRelay(STDIN, STDOUT);
        }

        public function waitPayload(): ?Payload
        {
            while ([$flags, $stream, $context, $body] = $this->relay->waitFrame()) {
                if (($flags & Wire::CONTROL) === 0) {
                    // A word about a stream that has ended meanwhile is none.
                    if ($stream === 0) {
                        return new Payload($body, $context);
                    }
                } elseif (isset(json_decode($body, true)['stop'])) {
                    return null;
                } else {
                    $this->relay->send(Wire::CONTROL, '', json_encode(['pid' => getmypid()]));
                }
            }

            return null;
        }

        public function respond(Payload $payload): void
        {
            $this->relay->send(Wire::PROTOBUF, $payload->header, $payload->body, $payload->eos ? 0 : Wire::MORE);
        }

        public function error(string $message): void
        {
            $this->relay->send(Wire::ERROR, '', $message);
        }

        /** Whether the client has gone in the middle of an answer. */
        public function isUnwanted(): bool
        {
            return $this->relay->hasFrame() && ($this->relay->waitFrame()[1] & Wire::ENOUGH) !== 0;
        }
    }
}

namespace Spiral\RoadRunner\Http {
    use Generator;
    use Pillion\Bridge\RoadRunner\Message;
    use Spiral\RoadRunner\Payload;
    use Spiral\RoadRunner\Worker;

    final class Request
    {
        /**
         * @param array<string, list<string>> $headers
         * @param array<string, mixed> $uploads
         */
        public function __construct(
            public readonly string $method,
            public readonly string $uri,
            public readonly array $headers,
            public readonly array $uploads,
            public readonly string $body,
        ) {}
    }

    class HttpWorker
    {
        public function __construct(private readonly Worker $worker) {}

        public function getWorker(): Worker
        {
            return $this->worker;
        }

        public function waitRequest(): ?Request
        {
            $payload = $this->worker->waitPayload();
            if ($payload === null) {
                return null;
            }
            $fields = Message::decode($payload->header);

            return new Request(
                $fields[3][0] ?? 'GET',
                $fields[4][0] ?? '/',
                Message::toLists($fields[5] ?? []),
                (array) json_decode($fields[9][0] ?? '', true),
                $payload->body,
            );
        }

        /** @param array<string, list<string>> $headers */
        public function respond(int $status, string|Generator $body = '', array $headers = []): void
        {
            $head = Message::number(1, $status) . Message::lists(2, $headers);
            if (is_string($body)) {
                $this->worker->respond(new Payload($body, $head));

                return;
            }
            foreach ($body as $chunk) {
                $this->worker->respond(new Payload($chunk, $head, eos: false));
                $head = '';
                if ($this->worker->isUnwanted()) {
                    break;
                }
            }
            $this->worker->respond(new Payload('', $head));
        }
    }
}
