<?php

/*
 * Replaces sentry-php's transport: option `transport`. It wraps the SDK's own and behaves like it (Spotlight, log
 * lines, results); in addition, dropped events are reported, and `flush()` waits.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Sentry;

use Closure;
use Pillion\Exception;
use Pillion\Sentry;
use Psr\Log\LoggerInterface;
use Sentry\Client;
use Sentry\ClientInterface;
use Sentry\Event;
use Sentry\Options;
use Sentry\SentrySdk;
use Sentry\Serializer\PayloadSerializer;
use Sentry\Transport\HttpTransport;
use Sentry\Transport\Result;
use Sentry\Transport\ResultStatus;
use Sentry\Transport\TransportInterface;
use WeakMap;

final class Transport implements TransportInterface
{
    /**
     * The SDK's transport with our client in it, and the options and the logger that it was created for. Not in the
     * object, because Laravel serializes that into a file.
     *
     * @var WeakMap<self, array{Options, LoggerInterface|null, HttpTransport}>|null
     */
    private static ?WeakMap $inner = null;

    /**
     * @param Options|null $options null: those of the client that sends, because the option `transport` is created
     *     before them
     * @param string $sdkIdentifier the identifier of the SDK's own client, if that is used
     */
    public function __construct(
        private readonly ?Options $options = null,
        private readonly string $sdkIdentifier = Client::SDK_IDENTIFIER,
        private readonly string $sdkVersion = Client::SDK_VERSION,
    ) {}

    /**
     * For `config:cache` of Laravel, which writes configuration as PHP code.
     *
     * @param array<string, mixed> $state
     */
    public static function __set_state(array $state): self
    {
        $text = static fn (string $name, string $default): string => \is_string($state[$name] ?? null) ? $state[$name] : $default;

        return new self(
            null,
            $text('sdkIdentifier', Client::SDK_IDENTIFIER),
            $text('sdkVersion', Client::SDK_VERSION),
        );
    }

    public function send(Event $event): Result
    {
        $client = self::caller();
        $options = $this->options ?? $client?->getOptions();

        return $options === null
            ? new Result(ResultStatus::skipped(), $event)
            : $this->inner($options, self::loggerOf($client) ?? $options->getLogger())->send($event);
    }

    /**
     * Waits until all events are sent, `$timeout` seconds at most. Without a timeout it returns at once: the SDK calls
     * it so at the end of each request of a worker, and the outbox is safe without a wait.
     */
    public function close(?int $timeout = null): Result
    {
        if ($timeout === null || $timeout <= 0 || !Extension::isLoaded()) {
            return new Result(ResultStatus::success());
        }
        try {
            $isEmpty = Sentry\flush((float) $timeout);
        } catch (Exception) {
            return new Result(ResultStatus::failed());
        }

        return new Result($isEmpty ? ResultStatus::success() : ResultStatus::unknown());
    }

    /**
     * The SDK passes a transport neither options nor logger. The calling client has them; the current one may be
     * another.
     */
    private static function caller(): ?ClientInterface
    {
        $client = debug_backtrace(\DEBUG_BACKTRACE_PROVIDE_OBJECT | \DEBUG_BACKTRACE_IGNORE_ARGS, 3)[2]['object'] ?? null;
        if (!$client instanceof ClientInterface) {
            $client = SentrySdk::getCurrentHub()->getClient();
        }

        return $client;
    }

    /**
     * The logger of `ClientBuilder::setLogger()`, which is not among the options. A client without one has a
     * `NullLogger`, and that of the options is used.
     */
    private static function loggerOf(?ClientInterface $client): ?LoggerInterface
    {
        if (!$client instanceof Client) {
            return null;
        }
        $logger = Closure::bind(static fn (Client $client): mixed => $client->logger ?? null, null, Client::class)($client);

        return $logger instanceof LoggerInterface && !is_a($logger, 'Psr\Log\NullLogger') ? $logger : null;
    }

    private function inner(Options $options, ?LoggerInterface $logger): HttpTransport
    {
        self::$inner ??= new WeakMap();
        [$of, $with, $inner] = self::$inner[$this] ?? [null, null, null];
        if ($inner === null || $of !== $options || $with !== $logger) {
            $client = new HttpClient(false, $this->sdkIdentifier, $this->sdkVersion);
            $inner = new HttpTransport($options, $client, new ContentSerializer(new PayloadSerializer($options)), $logger);
            self::$inner[$this] = [$options, $logger, $inner];
        }

        return $inner;
    }
}
