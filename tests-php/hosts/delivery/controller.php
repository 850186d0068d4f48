<?php

// An application of the Velox plugin: a controller with PSR-7 that answers with the build request and the plugin's
// header, as its documentation shows it. The same file runs behind each front server; only the code around it, which
// belongs to the framework, differs.

declare(strict_types=1);

namespace Plugin\Application;

use Psr\Http\Message\ResponseFactoryInterface;
use Psr\Http\Message\ResponseInterface;
use Psr\Http\Message\ServerRequestInterface;
use Psr\Http\Message\StreamFactoryInterface;
use Psr\Http\Server\RequestHandlerInterface;

require_once is_file(__DIR__ . '/http.php') ? __DIR__ . '/http.php' : __DIR__ . '/../../../php/tests/http.php';

final class GenerateBinary implements RequestHandlerInterface
{
    public function __construct(
        private readonly ResponseFactoryInterface $responses,
        private readonly StreamFactoryInterface $streams,
    ) {}

    public function handle(ServerRequestInterface $request): ResponseInterface
    {
        $wanted = json_decode((string) $request->getBody(), true);
        $build = [
            'request_id' => $wanted['id'] ?? '123e4567-e89b-42d3-a456-426614174000',
            'target_platform' => ['os' => $wanted['target_os'] ?? 'linux', 'arch' => $wanted['target_arch'] ?? 'amd64'],
            'rr_version' => 'v2025.1.2',
            'plugins' => array_map(static fn (string $tag): array => [
                'module_name' => 'github.com/roadrunner-server/http/v5',
                'tag' => $tag,
                // Applications of the plugin send it, and servers without replacements ignore it.
                'replace' => null,
            ], $wanted['plugins'] ?? ['v5.2.7']),
        ];

        return $this->responses->createResponse(200)
            ->withHeader('X-Velox-Build', 'true')
            ->withHeader('Content-Type', 'application/json')
            ->withBody($this->streams->createStream(json_encode($build, \JSON_THROW_ON_ERROR)));
    }
}

/** The controller with the messages of a framework. */
function controller(): GenerateBinary
{
    $factory = new \Pillion\Tests\Http\Factory();

    return new GenerateBinary($factory, $factory);
}

/** A framework's request. */
function request(string $method, string $target, array $headers, string $body): ServerRequestInterface
{
    return (new \Pillion\Tests\Http\Request($method, $target, $headers))
        ->withBody((new \Pillion\Tests\Http\Factory())->createStream($body));
}

/** Sends a response through PHP, as emitters of PSR-7 frameworks do. */
function emit(ResponseInterface $response): void
{
    foreach ($response->getHeaders() as $name => $lines) {
        foreach ($lines as $index => $line) {
            header("{$name}: {$line}", $index === 0, $response->getStatusCode());
        }
    }
    header(sprintf('HTTP/1.1 %d', $response->getStatusCode()), true, $response->getStatusCode());
    echo $response->getBody();
}

/** Sends a response through PHP, as Symfony's and Laravel's do: their buffers end before the script. */
function send(ResponseInterface $response): void
{
    ob_start();
    emit($response);
    if (\function_exists('fastcgi_finish_request')) {
        fastcgi_finish_request();

        return;
    }
    $flags = \PHP_OUTPUT_HANDLER_REMOVABLE | \PHP_OUTPUT_HANDLER_FLUSHABLE;
    $open = ob_get_status(true);
    for ($level = \count($open) - 1; $level >= 0 && ($open[$level]['flags'] & $flags) === $flags; $level--) {
        ob_end_flush();
    }
    flush();
}
