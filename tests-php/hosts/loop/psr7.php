<?php

// RoadRunner's worker with PSR-7 in the tests of Worker\loop(): beside the classes of lib/spiral.php, those of
// spiral/roadrunner-http and nyholm/psr7 with their public methods, as far as a loop needs them.

declare(strict_types=1);

namespace Spiral\RoadRunner\Http {
    use Pillion\Bridge\RoadRunner\Message;
    use Psr\Response;
    use Psr\ServerRequest;
    use Spiral\RoadRunner\Payload;
    use Spiral\RoadRunner\Worker;

    require_once __DIR__ . '/../lib/spiral.php';

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
            $this->worker->respond(new Payload($response->body, Message::number(1, $response->status)));
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
