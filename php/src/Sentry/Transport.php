<?php

/*
 * Stands where sentry-php's transport stands: option `transport`. As the SDK's own in all that it does (Spotlight, log lines,
 * results), since it is made of it; beside that, what is dropped is reported, and `flush()` means something.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Sentry;

use Pillion\Exception;
use Pillion\Sentry;
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
     * The SDK's transport with our client in it, and the options that it was made for. Not in the object: Laravel writes that
     * into a file.
     *
     * @var WeakMap<self, array{Options, HttpTransport}>|null
     */
    private static ?WeakMap $inner = null;

    /**
     * @param Options|null $options null: those of the client that sends, because the option `transport` is made before them
     * @param string $sdkIdentifier what the SDK's own client calls itself, where it is needed
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
        $options = $this->options ?? self::optionsOfCaller();

        return $options === null
            ? new Result(ResultStatus::skipped(), $event)
            : $this->inner($options)->send($event);
    }

    /**
     * Waits for what has been sent, `$timeout` seconds at most. Without a timeout it returns at once: that is how the SDK ends
     * each request of a worker, and what the outbox holds is safe without anybody waiting for it.
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
     * The SDK tells a transport no options. The client that calls it has them; the current one may be another.
     */
    private static function optionsOfCaller(): ?Options
    {
        $client = debug_backtrace(\DEBUG_BACKTRACE_PROVIDE_OBJECT | \DEBUG_BACKTRACE_IGNORE_ARGS, 3)[2]['object'] ?? null;
        if (!$client instanceof ClientInterface) {
            $client = SentrySdk::getCurrentHub()->getClient();
        }

        return $client?->getOptions();
    }

    private function inner(Options $options): HttpTransport
    {
        self::$inner ??= new WeakMap();
        [$of, $inner] = self::$inner[$this] ?? [null, null];
        if ($inner === null || $of !== $options) {
            $client = new HttpClient(false, $this->sdkIdentifier, $this->sdkVersion);
            $inner = new HttpTransport($options, $client, new PayloadSerializer($options), $options->getLogger());
            self::$inner[$this] = [$options, $inner];
        }

        return $inner;
    }
}
