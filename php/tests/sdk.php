<?php

/*
 * The part of sentry-php 4 that the bridge uses: classes with its names, signatures and behaviour, written for the
 * tests, which use the real SDK if the environment names it (SENTRY_SDK).
 */

declare(strict_types=1);

namespace Psr\Log {
    interface LoggerInterface
    {
        /** @param array<mixed> $context */
        public function warning(string|\Stringable $message, array $context = []): void;

        /** @param array<mixed> $context */
        public function log(mixed $level, string|\Stringable $message, array $context = []): void;
    }

    abstract class AbstractLogger implements LoggerInterface
    {
        public function warning(string|\Stringable $message, array $context = []): void
        {
            $this->log('warning', $message, $context);
        }
    }
}

namespace Sentry {
    use Psr\Log\LoggerInterface;
    use Sentry\HttpClient\HttpClient;
    use Sentry\HttpClient\HttpClientInterface;
    use Sentry\Serializer\PayloadSerializer;
    use Sentry\State\Hub;
    use Sentry\State\HubInterface;
    use Sentry\Transport\HttpTransport;
    use Sentry\Transport\Result;
    use Sentry\Transport\TransportInterface;

    final class Dsn implements \Stringable
    {
        private function __construct(private readonly string $text) {}

        public static function createFromString(string $value): self
        {
            return new self($value);
        }

        public function getScheme(): string
        {
            return (string) parse_url($this->text, \PHP_URL_SCHEME);
        }

        public function getEnvelopeApiEndpointUrl(): string
        {
            $parts = (array) parse_url($this->text) + ['port' => 80];

            return "{$parts['scheme']}://{$parts['host']}:{$parts['port']}/api" . $parts['path'] . '/envelope/';
        }

        public function getPublicKey(): string
        {
            return (string) parse_url($this->text, \PHP_URL_USER);
        }

        public function __toString(): string
        {
            return $this->text;
        }
    }

    final class Options
    {
        /** @param array<string, mixed> $options */
        public function __construct(private array $options = []) {}

        public function getDsn(): ?Dsn
        {
            $dsn = $this->options['dsn'] ?? null;

            return $dsn === null ? null : Dsn::createFromString($dsn);
        }

        public function getLogger(): ?LoggerInterface
        {
            return $this->options['logger'] ?? null;
        }

        public function getTransport(): ?TransportInterface
        {
            return $this->options['transport'] ?? null;
        }

        public function getHttpClient(): ?HttpClientInterface
        {
            return $this->options['http_client'] ?? null;
        }

        public function getHttpProxy(): ?string
        {
            return $this->options['http_proxy'] ?? null;
        }

        public function getHttpSslVerifyPeer(): bool
        {
            return $this->options['http_ssl_verify_peer'] ?? true;
        }

        public function isSpotlightEnabled(): bool
        {
            return (bool) ($this->options['spotlight'] ?? false);
        }

        public function getSpotlightUrl(): string
        {
            return $this->options['spotlight'];
        }
    }

    final class EventId implements \Stringable
    {
        public function __construct(private readonly string $value) {}

        public function __toString(): string
        {
            return $this->value;
        }
    }

    final class Event
    {
        public readonly EventId $id;
        public string $message = '';
        /** @var array<string, mixed> */
        private array $extra = [];
        /** @var array<string, mixed> */
        private array $request = [];
        /** @var array<string, array<string, mixed>> */
        private array $contexts = [];

        public static function createEvent(): self
        {
            return new self();
        }

        private function __construct()
        {
            $this->id = new EventId(bin2hex(random_bytes(16)));
        }

        public function getId(): EventId
        {
            return $this->id;
        }

        /** @return array<string, mixed> */
        public function getExtra(): array
        {
            return $this->extra;
        }

        /** @param array<string, mixed> $extra */
        public function setExtra(array $extra): self
        {
            $this->extra = $extra;

            return $this;
        }

        /** @return array<string, mixed> */
        public function getRequest(): array
        {
            return $this->request;
        }

        /** @param array<string, mixed> $request */
        public function setRequest(array $request): self
        {
            $this->request = $request;

            return $this;
        }

        /** @return array<string, array<string, mixed>> */
        public function getContexts(): array
        {
            return $this->contexts;
        }

        /** @param array<string, mixed> $data */
        public function setContext(string $name, array $data): self
        {
            $this->contexts[$name] = $data;

            return $this;
        }
    }

    interface ClientInterface
    {
        public function getOptions(): Options;

        public function captureMessage(string $message): ?EventId;

        public function flush(?int $timeout = null): Result;
    }

    final class Client implements ClientInterface
    {
        public const SDK_IDENTIFIER = 'sentry.php';
        public const SDK_VERSION = '4.0.0-test';

        private readonly ?LoggerInterface $logger;

        public function __construct(private readonly Options $options, private readonly TransportInterface $transport, ?LoggerInterface $logger = null)
        {
            $this->logger = $logger;
        }

        public function getOptions(): Options
        {
            return $this->options;
        }

        public function captureMessage(string $message): ?EventId
        {
            $event = Event::createEvent();
            $event->message = $message;

            return $this->captureEvent($event);
        }

        public function captureEvent(Event $event): ?EventId
        {
            try {
                return $this->transport->send($event)->getEvent()?->getId();
            } catch (\Throwable $trouble) {
                $this->options->getLogger()?->log('error', $trouble->getMessage());
            }

            return null;
        }

        public function flush(?int $timeout = null): Result
        {
            return $this->transport->close($timeout);
        }
    }

    final class ClientBuilder
    {
        private ?LoggerInterface $logger = null;

        private function __construct(private readonly Options $options) {}

        public function setLogger(LoggerInterface $logger): self
        {
            $this->logger = $logger;

            return $this;
        }

        /** @param array<string, mixed> $options */
        public static function create(array $options = []): self
        {
            return new self(new Options($options));
        }

        public function getClient(): ClientInterface
        {
            $http = $this->options->getHttpClient() ?? new HttpClient(Client::SDK_IDENTIFIER, Client::SDK_VERSION);

            return new Client(
                $this->options,
                $this->options->getTransport() ?? new HttpTransport($this->options, $http, new PayloadSerializer($this->options), $this->logger ?? $this->options->getLogger()),
                $this->logger ?? $this->options->getLogger(),
            );
        }
    }

    final class SentrySdk
    {
        private static ?HubInterface $hub = null;

        public static function getCurrentHub(): HubInterface
        {
            return self::$hub ??= new Hub();
        }
    }
}

namespace Sentry\State {
    use Sentry\ClientInterface;

    interface HubInterface
    {
        public function getClient(): ?ClientInterface;

        public function bindClient(ClientInterface $client): void;
    }

    final class Hub implements HubInterface
    {
        private ?ClientInterface $client = null;

        public function getClient(): ?ClientInterface
        {
            return $this->client;
        }

        public function bindClient(ClientInterface $client): void
        {
            $this->client = $client;
        }
    }
}

namespace Sentry\HttpClient {
    use Sentry\Options;

    interface HttpClientInterface
    {
        public function sendRequest(Request $request, Options $options): Response;
    }

    final class Request
    {
        private ?string $body = null;

        public function getStringBody(): ?string
        {
            return $this->body;
        }

        public function setStringBody(string $stringBody): void
        {
            $this->body = $stringBody;
        }
    }

    final class Response
    {
        /** @param array<string, string[]> $headers */
        public function __construct(private readonly int $status, private readonly array $headers, private readonly string $error) {}

        public function getStatusCode(): int
        {
            return $this->status;
        }

        public function getHeaderLine(string $name): string
        {
            return implode(',', $this->headers[$name] ?? []);
        }

        public function hasError(): bool
        {
            return $this->error !== '';
        }

        public function getError(): string
        {
            return $this->error;
        }
    }

    class HttpClient implements HttpClientInterface
    {
        public function __construct(private readonly string $sdkIdentifier, private readonly string $sdkVersion) {}

        public function sendRequest(Request $request, Options $options): Response
        {
            $dsn = $options->getDsn() ?? throw new \RuntimeException('The DSN option must be set to use the HttpClient.');
            $auth = "X-Sentry-Auth: Sentry sentry_version=7, sentry_key={$dsn->getPublicKey()}";
            $answer = @file_get_contents($dsn->getEnvelopeApiEndpointUrl(), false, stream_context_create(['http' => [
                'method' => 'POST',
                'header' => "Content-Type: application/x-sentry-envelope\r\nConnection: close\r\n{$auth}",
                'user_agent' => "{$this->sdkIdentifier}/{$this->sdkVersion}",
                'content' => (string) $request->getStringBody(),
                'timeout' => 5,
            ]]));

            return $answer === false ? new Response(0, [], 'no answer') : new Response(200, [], '');
        }
    }
}

namespace Sentry\Serializer {
    use Sentry\Event;
    use Sentry\Options;

    interface PayloadSerializerInterface
    {
        public function serialize(Event $event): string;
    }

    final class PayloadSerializer implements PayloadSerializerInterface
    {
        public function __construct(private readonly Options $options) {}

        public function serialize(Event $event): string
        {
            $header = ['sent_at' => gmdate('Y-m-d\TH:i:s\Z'), 'dsn' => (string) $this->options->getDsn(), 'event_id' => (string) $event->getId()];

            $payload = ['message' => $event->message] + array_filter(['extra' => $event->getExtra(), 'contexts' => $event->getContexts(), 'request' => $event->getRequest()]);
            // As in the real SDK: invalid text is replaced, INF becomes 0, too deep a value is an exception.
            $encode = static function (mixed $data): string {
                $json = json_encode($data, \JSON_UNESCAPED_UNICODE | \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_PARTIAL_OUTPUT_ON_ERROR);

                return \in_array(json_last_error(), [\JSON_ERROR_NONE, \JSON_ERROR_RECURSION, \JSON_ERROR_INF_OR_NAN, \JSON_ERROR_UNSUPPORTED_TYPE], true)
                    ? (string) $json
                    : throw new \RuntimeException(json_last_error_msg());
            };

            return implode("\n", array_map($encode, [$header, ['type' => 'event', 'content_type' => 'application/json'], $payload]));
        }
    }
}

namespace Sentry\Spotlight {
    use Sentry\HttpClient\Request;
    use Sentry\HttpClient\Response;

    class SpotlightClient
    {
        public static function sendRequest(Request $request, string $url): Response
        {
            $answer = @file_get_contents($url, false, stream_context_create(['http' => [
                'method' => 'POST',
                'header' => "Content-Type: application/x-sentry-envelope\r\nConnection: close",
                'content' => (string) $request->getStringBody(),
                'timeout' => 2,
            ]]));

            return new Response($answer === false ? 0 : 200, [], $answer === false ? 'no answer' : '');
        }
    }
}

namespace Sentry\Transport {
    use Psr\Log\LoggerInterface;
    use Sentry\Event;
    use Sentry\HttpClient\HttpClientInterface;
    use Sentry\HttpClient\Request;
    use Sentry\Options;
    use Sentry\Serializer\PayloadSerializerInterface;
    use Sentry\Spotlight\SpotlightClient;

    final class ResultStatus implements \Stringable
    {
        /** @var array<string, self> */
        private static array $all = [];

        private function __construct(private readonly string $value) {}

        public static function success(): self
        {
            return self::$all['SUCCESS'] ??= new self('SUCCESS');
        }

        public static function skipped(): self
        {
            return self::$all['SKIPPED'] ??= new self('SKIPPED');
        }

        public static function failed(): self
        {
            return self::$all['FAILED'] ??= new self('FAILED');
        }

        public static function unknown(): self
        {
            return self::$all['UNKNOWN'] ??= new self('UNKNOWN');
        }

        public static function rateLimit(): self
        {
            return self::$all['RATE_LIMIT'] ??= new self('RATE_LIMIT');
        }

        public function __toString(): string
        {
            return $this->value;
        }
    }

    final class Result
    {
        public function __construct(private readonly ResultStatus $status, private readonly ?Event $event = null) {}

        public function getStatus(): ResultStatus
        {
            return $this->status;
        }

        public function getEvent(): ?Event
        {
            return $this->event;
        }
    }

    interface TransportInterface
    {
        public function send(Event $event): Result;

        public function close(?int $timeout = null): Result;
    }

    class HttpTransport implements TransportInterface
    {
        /** @var array<string, int> */
        private array $limits = [];

        public function __construct(
            private readonly Options $options,
            private readonly HttpClientInterface $httpClient,
            private readonly PayloadSerializerInterface $payloadSerializer,
            private readonly ?LoggerInterface $logger = null,
        ) {}

        public function send(Event $event): Result
        {
            $request = new Request();
            if ($this->options->isSpotlightEnabled()) {
                $request->setStringBody($this->payloadSerializer->serialize($event));
                SpotlightClient::sendRequest($request, $this->options->getSpotlightUrl() . '/stream');
            }
            if ($this->options->getDsn() === null) {
                return new Result(ResultStatus::skipped(), $event);
            }
            if (max($this->limits['all'] ?? 0, $this->limits['error'] ?? 0) > time()) {
                return new Result(ResultStatus::rateLimit());
            }
            $request->setStringBody($this->payloadSerializer->serialize($event));
            $response = $this->httpClient->sendRequest($request, $this->options);
            if ($response->hasError()) {
                $this->logger?->log('error', $response->getError());

                return new Result(ResultStatus::unknown());
            }
            // No float, no space, and a later, longer limit is ignored: the real SDK parses no more than this.
            foreach (array_filter(explode(',', $response->getHeaderLine('X-Sentry-Rate-Limits'))) as $limit) {
                [$seconds, $category] = explode(':', $limit);
                ctype_digit($seconds) || throw new \LogicException("the SDK would not understand '{$seconds}'");
                $this->limits[$category ?: 'all'] = time() + (int) $seconds;
            }

            return new Result($response->getStatusCode() === 429 ? ResultStatus::rateLimit() : ResultStatus::success(), $event);
        }

        public function close(?int $timeout = null): Result
        {
            return new Result(ResultStatus::success());
        }
    }
}
