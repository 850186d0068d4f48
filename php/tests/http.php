<?php

/*
 * Interfaces of psr/http-message 2, psr/http-factory 1 and psr/http-server-handler 1 with their names and signatures,
 * as far as the middleware needs them, and small messages over them, for the tests.
 */

declare(strict_types=1);

namespace Psr\Http\Message {
    interface StreamInterface extends \Stringable
    {
        public function getSize(): ?int;

        public function eof(): bool;

        public function read(int $length): string;
    }

    interface MessageInterface
    {
        /** @return string[][] */
        public function getHeaders(): array;

        /** @return string[] */
        public function getHeader(string $name): array;

        /** @param string|string[] $value */
        public function withHeader(string $name, $value): static;

        public function getBody(): StreamInterface;

        public function withBody(StreamInterface $body): static;
    }

    interface ResponseInterface extends MessageInterface
    {
        public function getStatusCode(): int;
    }

    interface ServerRequestInterface extends MessageInterface
    {
        public function getMethod(): string;

        public function getRequestTarget(): string;
    }

    interface ResponseFactoryInterface
    {
        public function createResponse(int $code = 200, string $reasonPhrase = ''): ResponseInterface;
    }

    interface StreamFactoryInterface
    {
        public function createStream(string $content = ''): StreamInterface;

        /** @param resource $resource */
        public function createStreamFromResource($resource): StreamInterface;
    }
}

namespace Psr\Http\Server {
    use Psr\Http\Message\ResponseInterface;
    use Psr\Http\Message\ServerRequestInterface;

    interface RequestHandlerInterface
    {
        public function handle(ServerRequestInterface $request): ResponseInterface;
    }

    interface MiddlewareInterface
    {
        public function process(ServerRequestInterface $request, RequestHandlerInterface $handler): ResponseInterface;
    }
}

namespace Pillion\Tests\Http {
    use Psr\Http\Message\ResponseFactoryInterface;
    use Psr\Http\Message\ResponseInterface;
    use Psr\Http\Message\ServerRequestInterface;
    use Psr\Http\Message\StreamFactoryInterface;
    use Psr\Http\Message\StreamInterface;
    use Psr\Http\Server\RequestHandlerInterface;

    final class Stream implements StreamInterface
    {
        public int $reads = 0;

        /** @param resource $resource */
        public function __construct(private readonly mixed $resource) {}

        public function __toString(): string
        {
            $this->reads++;

            return (string) stream_get_contents($this->resource, offset: 0);
        }

        public function getSize(): ?int
        {
            return fstat($this->resource)['size'] ?? null;
        }

        public function eof(): bool
        {
            return feof($this->resource);
        }

        public function read(int $length): string
        {
            return (string) fread($this->resource, $length);
        }
    }

    abstract class Message
    {
        /** @param array<string, list<string>> $headers */
        public function __construct(protected array $headers = [], protected ?StreamInterface $body = null) {}

        public function getHeaders(): array
        {
            return $this->headers;
        }

        public function getHeader(string $name): array
        {
            return array_change_key_case($this->headers)[strtolower($name)] ?? [];
        }

        public function withHeader(string $name, $value): static
        {
            $message = clone $this;
            $message->headers[$name] = (array) $value;

            return $message;
        }

        public function getBody(): StreamInterface
        {
            return $this->body ?? (new Factory())->createStream();
        }

        public function withBody(StreamInterface $body): static
        {
            $message = clone $this;
            $message->body = $body;

            return $message;
        }
    }

    final class Response extends Message implements ResponseInterface
    {
        public function __construct(private readonly int $status, array $headers = [], ?StreamInterface $body = null)
        {
            parent::__construct($headers, $body);
        }

        public function getStatusCode(): int
        {
            return $this->status;
        }
    }

    final class Request extends Message implements ServerRequestInterface
    {
        public function __construct(private readonly string $method, private readonly string $target, array $headers = [])
        {
            parent::__construct($headers);
        }

        public function getMethod(): string
        {
            return $this->method;
        }

        public function getRequestTarget(): string
        {
            return $this->target;
        }
    }

    final class Factory implements ResponseFactoryInterface, StreamFactoryInterface
    {
        public function createResponse(int $code = 200, string $reasonPhrase = ''): ResponseInterface
        {
            return new Response($code);
        }

        public function createStream(string $content = ''): StreamInterface
        {
            $resource = fopen('php://memory', 'w+');
            fwrite($resource, $content);
            rewind($resource);

            return new Stream($resource);
        }

        public function createStreamFromResource($resource): StreamInterface
        {
            return new Stream($resource);
        }
    }

    final class Handler implements RequestHandlerInterface
    {
        /** @param \Closure(ServerRequestInterface): ResponseInterface $answer */
        public function __construct(private readonly \Closure $answer) {}

        public function handle(ServerRequestInterface $request): ResponseInterface
        {
            return ($this->answer)($request);
        }
    }
}
