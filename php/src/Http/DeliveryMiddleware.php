<?php

/*
 * Answers with a RoadRunner binary in the place of a response that asks for one, as the middleware of the Velox plugin
 * does, in frameworks with PSR-7 and PSR-15. For RoadRunner, where PHP's own headers do not reach the server.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Http;

use Pillion\Velox;
use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Message\StreamFactoryInterface;
use Psr\Http\Server\MiddlewareInterface;
use Psr\Http\Server\RequestHandlerInterface;

/**
 * A response of success with the header `X-Velox-Build: true` and a build request as its JSON body is replaced; all
 * others pass unchanged, and their bodies are not read.
 */
final class DeliveryMiddleware implements MiddlewareInterface
{
    public function __construct(
        private readonly ResponseFactoryInterface $responses,
        private readonly StreamFactoryInterface $streams,
    ) {
    }

    public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface
    {
        $response = $handler->handle($request);
        if ($response->getHeader('X-Velox-Build') !== ['true'] || intdiv($response->getStatusCode(), 100) !== 2) {
            return $response;
        }
        $build = json_decode((string) $response->getBody(), true);
        if (!\is_array($build)) {
            return $this->create(400, ['Content-Type' => 'application/json'], (string) json_encode([
                'error' => 'invalid_request',
                'message' => 'request: is not a JSON object',
                'request_id' => null,
            ]));
        }

        return $this->respond($build, $request);
    }

    /**
     * The response to a client that asks for a binary, for controllers that need no header.
     *
     * @param array<string, mixed> $build a build request, see {@see Velox\response()}
     */
    public function respond(array $build, ServerRequestInterface $request): ResponseInterface
    {
        ['status' => $status, 'headers' => $headers, 'body' => $body] = Velox\response($build, [
            'method' => $request->getMethod(),
            'uri' => $request->getRequestTarget(),
            'headers' => $request->getHeaders(),
        ]);

        return $this->create($status, $headers, $body);
    }

    /**
     * @param array<string, string> $headers
     * @param string|resource $body
     */
    private function create(int $status, array $headers, mixed $body): ResponseInterface
    {
        $response = $this->responses->createResponse($status);
        foreach ($headers as $name => $value) {
            $response = $response->withHeader($name, $value);
        }

        return $response->withBody(\is_string($body) ? $this->streams->createStream($body) : $this->streams->createStreamFromResource($body));
    }
}
