<?php

// Classes with the names and public methods of RoadRunner's PHP packages (spiral/goridge, spiral/roadrunner-worker and
// spiral/roadrunner-http), as far as a worker needs them. The packages are in no registry available to the tests.

declare(strict_types=1);

namespace Spiral\Goridge {
    abstract class Relay
    {
        public static function create(string $address): self
        {
            return str_starts_with($address, 'unix://') ? new SocketRelay(substr($address, 7)) : new StreamRelay(STDIN, STDOUT);
        }

        abstract public function hasFrame(): bool;

        abstract protected function read(int $length): string;

        abstract protected function write(string $frame): void;

        /** @return array{int, int, string, string} flags, the byte for streams, context and body */
        public function waitFrame(): array
        {
            $header = $this->read(12);
            strlen($header) === 12 || throw new \RuntimeException('Unable to read a frame header');
            ['words' => $words, 'flags' => $flags, 'length' => $length, 'stream' => $stream] = unpack('Cwords/Cflags/Vlength/Vcrc/Cstream', $header);
            $options = ($words & 0x0f) * 4 - 12;
            for ($rest = ''; strlen($rest) < $options + $length; $rest .= $piece) {
                $piece = $this->read($options + $length - strlen($rest));
                $piece !== '' || throw new \RuntimeException('Unable to read a frame');
            }
            $context = $options === 0 ? 0 : unpack('V', $rest)[1];

            return [$flags, $stream, substr($rest, $options, $context), substr($rest, $options + $context)];
        }

        public function send(int $flags, string $context, string $body = '', int $stream = 0): void
        {
            $options = ($flags & 0x01) === 0 ? pack('V', strlen($context)) : '';
            $head = pack('CCV', 0x10 | 3 + intdiv(strlen($options), 4), $flags, strlen($context) + strlen($body));
            $this->write($head . pack('VCx', crc32($head), $stream) . $options . $context . $body);
        }
    }

    final class StreamRelay extends Relay
    {
        /**
         * @param resource $in
         * @param resource $out
         */
        public function __construct(private $in, private $out) {}

        public function hasFrame(): bool
        {
            [$read, $none] = [[$this->in], null];

            return stream_select($read, $none, $none, 0) === 1;
        }

        protected function read(int $length): string
        {
            return (string) fread($this->in, $length);
        }

        protected function write(string $frame): void
        {
            fwrite($this->out, $frame, strlen($frame)) === false && throw new \RuntimeException('Unable to write a frame');
        }
    }

    final class SocketRelay extends Relay
    {
        private readonly \Socket $socket;

        public function __construct(string $path)
        {
            $this->socket = socket_create(AF_UNIX, SOCK_STREAM, 0);
            socket_connect($this->socket, $path) || throw new \RuntimeException("No RoadRunner at {$path}");
        }

        public function hasFrame(): bool
        {
            [$read, $none] = [[$this->socket], null];

            return socket_select($read, $none, $none, 0) === 1;
        }

        protected function read(int $length): string
        {
            socket_recv($this->socket, $bytes, $length, MSG_WAITALL);

            return (string) $bytes;
        }

        protected function write(string $frame): void
        {
            socket_send($this->socket, $frame, strlen($frame), 0) === false && throw new \RuntimeException('Unable to write a frame');
        }
    }
}

namespace Spiral\RoadRunner {
    use Pillion\Bridge\RoadRunner\Wire;
    use Spiral\Goridge\Relay;

    require_once __DIR__ . '/bridge.php';

    final class Payload
    {
        public function __construct(public string $body = '', public string $header = '', public bool $eos = true) {}
    }

    class Worker
    {
        private readonly Relay $relay;

        public function __construct(?Relay $relay = null)
        {
            $this->relay = $relay ?? Relay::create((string) getenv('RR_RELAY'));
        }

        public static function create(): self
        {
            // As in the package: standard output is the relay.
            ob_start(static fn (string $text): string => fwrite(STDERR, $text) === false ? '' : '', 1);

            return new self();
        }

        public function waitPayload(): ?Payload
        {
            while ([$flags, $stream, $context, $body] = $this->relay->waitFrame()) {
                if (($flags & Wire::CONTROL) === 0) {
                    // A control message about a stream that has ended meanwhile is ignored.
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

        public function stop(): void
        {
            $this->relay->send(Wire::PROTOBUF, '{"stop":true}');
        }

        /** Whether the client has disconnected during the answer. */
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
