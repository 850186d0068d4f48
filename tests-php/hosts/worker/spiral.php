<?php

// Classes with the names and the public methods of RoadRunner's PHP packages (spiral/roadrunner-worker and
// spiral/roadrunner-http), as far as a worker needs them, over the wire of ../roadrunner/worker.php. The packages
// themselves are in no registry that a test could ask.

declare(strict_types=1);

namespace Spiral\RoadRunner {
    final class Payload
    {
        public function __construct(public string $body = '', public string $header = '', public bool $eos = true) {}
    }

    class Worker
    {
        /** @var resource */
        private $in = STDIN;

        public function waitPayload(): ?Payload
        {
            while (true) {
                $head = $this->read(12);
                if ($head === null) {
                    return null;
                }
                ['size' => $size, 'flags' => $flags, 'length' => $length] = unpack('Csize/Cflags/Vlength', $head);
                $options = unpack('V*', (string) $this->read((($size & 0x0f) - 3) * 4));
                $payload = (string) $this->read($length);
                if (($flags & 0x01) === 0) {
                    return new Payload(substr($payload, $options[1] ?? 0), substr($payload, 0, $options[1] ?? 0));
                }
                if (isset(json_decode($payload, true)['stop'])) {
                    return null;
                }
                $this->send(0x01, '', json_encode(['pid' => getmypid()]));
            }
        }

        public function respond(Payload $payload): void
        {
            $this->send(0x80, pack('V', strlen($payload->header)), $payload->header . $payload->body);
        }

        public function error(string $message): void
        {
            $this->send(0x40, pack('V', 0), $message);
        }

        private function send(int $flags, string $options, string $payload): void
        {
            $head = pack('CCV', 0x10 | 3 + strlen($options) / 4, $flags, strlen($payload));
            fwrite(STDOUT, $head . pack('V', crc32($head)) . "\0\0" . $options . $payload);
        }

        private function read(int $length): ?string
        {
            $bytes = '';
            while (strlen($bytes) < $length) {
                $more = fread($this->in, $length - strlen($bytes));
                if ($more === '' || $more === false) {
                    return null;
                }
                $bytes .= $more;
            }

            return $bytes;
        }
    }
}

namespace Spiral\RoadRunner\Http {
    use Spiral\RoadRunner\Payload;
    use Spiral\RoadRunner\Worker;

    final class Request
    {
        /** @param array<string, list<string>> $headers */
        public function __construct(public readonly string $method, public readonly string $uri, public readonly array $headers) {}
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
            $headers = [];
            $fields = self::fields($payload->header);
            foreach ($fields[5] ?? [] as $entry) {
                $pair = self::fields($entry);
                $headers[$pair[1][0]] = self::fields($pair[2][0] ?? '')[1] ?? [];
            }

            return new Request($fields[3][0] ?? 'GET', $fields[4][0] ?? '/', $headers);
        }

        /** @param array<string, list<string>> $headers */
        public function respond(int $status, string $body = '', array $headers = []): void
        {
            $message = "\x08" . self::number($status);
            foreach ($headers as $name => $lines) {
                $value = implode(array_map(fn (string $line): string => self::field(1, $line), $lines));
                $message .= self::field(2, self::field(1, $name) . self::field(2, $value));
            }
            $this->worker->respond(new Payload($body, $message));
        }

        /** @return array<int, list<int|string>> the values of each field of a protobuf message */
        private static function fields(string $message): array
        {
            $fields = [];
            for ($at = 0; $at < strlen($message);) {
                $tag = self::varint($message, $at);
                $value = self::varint($message, $at);
                if (($tag & 7) === 2) {
                    [$value, $at] = [substr($message, $at, $value), $at + $value];
                }
                $fields[$tag >> 3][] = $value;
            }

            return $fields;
        }

        private static function field(int $number, string $value): string
        {
            return chr($number << 3 | 2) . self::number(strlen($value)) . $value;
        }

        private static function number(int $value): string
        {
            $bytes = '';
            for (; $value > 0x7f; $value >>= 7) {
                $bytes .= chr($value & 0x7f | 0x80);
            }

            return $bytes . chr($value);
        }

        private static function varint(string $message, int &$at): int
        {
            for ($value = $shift = 0; ; $shift += 7) {
                $byte = ord($message[$at++]);
                $value |= ($byte & 0x7f) << $shift;
                if ($byte < 0x80) {
                    return $value;
                }
            }
        }
    }
}
