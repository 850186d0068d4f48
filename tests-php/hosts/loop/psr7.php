<?php

// RoadRunner's worker with PSR-7 in the tests of Worker\loop(): classes with the names and public methods of
// spiral/roadrunner-http and nyholm/psr7, as far as a loop needs them. The packages are in no registry available to the
// tests. They talk to RoadRunner over the wire of pillion/bridge.

declare(strict_types=1);

namespace Spiral\RoadRunner {
    use Pillion\Bridge\RoadRunner\Wire;

    require_once __DIR__ . '/autoload.php';

    class Worker
    {
        public function __construct(private readonly Wire $wire) {}

        public static function create(): self
        {
            // As in the package.
            ob_start(static fn (string $text): string => fwrite(STDERR, $text) === false ? '' : '', 1);

            return new self(Wire::open('pipes'));
        }

        /** @return array{string, string}|null context and body */
        public function waitPayload(): ?array
        {
            while (($frame = $this->wire->receive()) !== null) {
                [$flags, , $context, $body] = $frame;
                if (($flags & Wire::CONTROL) === 0) {
                    return [$context, $body];
                }
                if (isset(json_decode($body, true)['stop'])) {
                    return null;
                }
                $this->wire->send(Wire::CONTROL, '', json_encode(['pid' => getmypid()]));
            }

            return null;
        }

        public function respond(string $context, string $body): void
        {
            $this->wire->send(Wire::PROTOBUF, $context, $body);
        }

        public function error(string $error): void
        {
            $this->wire->send(Wire::ERROR, '', $error);
        }

        public function stop(): void
        {
            $this->wire->send(Wire::PROTOBUF, '{"stop":true}');
        }
    }
}

namespace Spiral\RoadRunner\Http {
    use Pillion\Bridge\RoadRunner\Message;
    use Pillion\Bridge\RoadRunner\Request as Plain;
    use Psr\Response;
    use Psr\ServerRequest;
    use Spiral\RoadRunner\Worker;

    final class Request
    {
        /** @param array<string, list<string>> $headers */
        public function __construct(public readonly string $uri, public readonly array $headers) {}
    }

    class HttpWorker
    {
        public function __construct(private readonly Worker $worker) {}

        public function waitRequest(): ?Request
        {
            $payload = $this->worker->waitPayload();
            $plain = $payload === null ? null : Plain::fromMessage(...$payload);

            return $plain === null ? null : new Request($plain->uri, $plain->headers);
        }
    }

    class PSR7Worker
    {
        private readonly HttpWorker $http;

        public function __construct(private readonly Worker $worker, object $requests, object $streams, object $uploads)
        {
            $requests::class === \Nyholm\Psr7\Factory\Psr17Factory::class || throw new \TypeError();
            $this->http = new HttpWorker($worker);
        }

        public function getWorker(): Worker
        {
            return $this->worker;
        }

        public function waitRequest(): ?ServerRequest
        {
            $request = $this->http->waitRequest();

            return $request === null ? null : new ServerRequest($request->uri);
        }

        public function respond(Response $response): void
        {
            $this->worker->respond(Message::number(1, $response->status), $response->body);
        }
    }
}

namespace Nyholm\Psr7\Factory {
    final class Psr17Factory {}
}

namespace Psr {
    final class ServerRequest
    {
        public function __construct(public readonly string $uri) {}
    }

    final class Response
    {
        public function __construct(public readonly int $status, public readonly string $body) {}
    }
}

namespace {
    use Pillion\Worker;
    use Psr\Response;
    use Psr\ServerRequest;

    function printed(Response $response): Response
    {
        while (ob_get_level() > 0) {
            ob_end_flush();
        }
        echo "from echo\n";
        flush();

        return $response;
    }

    $served = 0;
    $count = Worker\loop(static function (ServerRequest $request) use (&$served): mixed {
        $served++;

        return match (parse_url($request->uri, PHP_URL_PATH)) {
            '/hello' => new Response(200, json_encode(['pid' => getmypid(), 'requests' => $served])),
            '/status' => new Response(200, json_encode(Worker\status())),
            '/print' => printed(new Response(202, 'clean')),
            '/throw' => throw new RuntimeException('from the handler'),
            '/no_response' => 'text',
            '/exit' => exit,
            '/sleep' => usleep(200_000) ?? new Response(200, 'slept'),
        };
    }, (int) getenv('MAX_REQUESTS'));
    file_put_contents(ini_get('pillion.state_dir') . '/ended', json_encode([$count, $served]) . "\n", FILE_APPEND | LOCK_EX);
}
