<?php

// Classes with the names and the public methods of RoadRunner's PHP packages (spiral/roadrunner-worker and
// spiral/roadrunner-http), as far as a worker needs them, over the wire of pillion/bridge. The packages themselves are in
// no registry that a test could ask.

declare(strict_types=1);

namespace Spiral\RoadRunner {
    use Pillion\Bridge\RoadRunner\Wire;

    require_once __DIR__ . '/bridge.php';

    final class Payload
    {
        public function __construct(public string $body = '', public string $header = '', public bool $eos = true) {}
    }

    class Worker
    {
        private readonly Wire $wire;

        public function __construct()
        {
            $this->wire = new Wire(STDIN, STDOUT);
        }

        public function waitPayload(): ?Payload
        {
            while ([$flags, $stream, $context, $body] = $this->wire->receive()) {
                if (($flags & Wire::CONTROL) === 0) {
                    // A word about a stream that has ended meanwhile is none.
                    if ($stream === 0) {
                        return new Payload($body, $context);
                    }
                } elseif (isset(json_decode($body, true)['stop'])) {
                    return null;
                } else {
                    $this->wire->send(Wire::CONTROL, '', json_encode(['pid' => getmypid()]));
                }
            }

            return null;
        }

        public function respond(Payload $payload): void
        {
            $this->wire->send(Wire::PROTOBUF, $payload->header, $payload->body, $payload->eos ? 0 : Wire::MORE);
        }

        public function error(string $message): void
        {
            $this->wire->send(Wire::ERROR, '', $message);
        }

        /** Whether the client has gone in the middle of an answer. */
        public function isUnwanted(): bool
        {
            return $this->wire->hasInput() && ($this->wire->receive()[1] & Wire::ENOUGH) !== 0;
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
