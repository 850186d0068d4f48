<?php

/*
 * Replaces sentry-php's curl client: option `http_client`. The envelope goes into the extension's outbox, and is sent
 * without PHP.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Sentry;

use Pillion\ConfigException;
use Pillion\InvalidRequestException;
use Pillion\Sentry;
use Pillion\StateException;
use Sentry\Client;
use Sentry\HttpClient\HttpClient as CurlClient;
use Sentry\HttpClient\HttpClientInterface;
use Sentry\HttpClient\Request;
use Sentry\HttpClient\Response;
use Sentry\Options;

/**
 * Uses the SDK's own client if the extension is not loaded, is disabled, or does not support the options
 * ({@see Extension}).
 */
final class HttpClient implements HttpClientInterface
{
    /**
     * The SDK's types of envelopes, with Sentry's categories.
     */
    private const CATEGORIES = [
        'event' => 'error',
        'log' => 'log_item',
        'check_in' => 'monitor',
    ];

    /**
     * Not in the object, because Laravel serializes that into a file.
     *
     * @var array<string, HttpClientInterface>
     */
    private static array $curl = [];

    /**
     * @param bool $dropsEarly true: the SDK is given the rate limits, and drops events before it serialises them; they
     *     are not reported to Sentry. False: the extension drops and reports them; the answer is 429
     * @param string $sdkIdentifier the identifier of the SDK's own client, if that is used
     */
    public function __construct(
        private readonly bool $dropsEarly = true,
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
            ($state['dropsEarly'] ?? true) !== false,
            $text('sdkIdentifier', Client::SDK_IDENTIFIER),
            $text('sdkVersion', Client::SDK_VERSION),
        );
    }

    public function sendRequest(Request $request, Options $options): Response
    {
        $envelope = $request->getStringBody();
        $dsn = $options->getDsn();
        // The SDK's own client has a message for this.
        if ($envelope === null || $dsn === null || !Extension::serves($options)) {
            return $this->curl()->sendRequest($request, $options);
        }
        $dsn = (string) $dsn;
        try {
            $limits = Sentry\rate_limits($dsn);
            // Rate-limited envelopes are sent to the extension too, which drops and reports them.
            $taken = Sentry\send($envelope, $dsn);
        } catch (InvalidRequestException $wrong) {
            return new Response(400, [], $wrong->getMessage());
        } catch (ConfigException | StateException) {
            return $this->curl()->sendRequest($request, $options);
        }
        if (!$taken) {
            return \strlen($envelope) > Extension::maxPayloadSize()
                ? new Response(413, [], 'Pillion: the envelope is larger than pillion.sentry_max_payload_size')
                : new Response(503, [], 'Pillion: the outbox is full of what matters more');
        }
        if ($limits === []) {
            return new Response(202, [], '');
        }
        if (!$this->dropsEarly) {
            return new Response(self::isLimited($envelope, $limits) ? 429 : 202, [], '');
        }

        return new Response(202, ['X-Sentry-Rate-Limits' => self::header($limits)], '');
    }

    /**
     * The limits as Sentry's header, in the form that the SDK parses: whole seconds, no spaces.
     *
     * @param array<string, float> $limits
     *
     * @return list<string>
     */
    private static function header(array $limits): array
    {
        $header = [];
        foreach ($limits as $category => $seconds) {
            $header[] = \sprintf('%d:%s:key', (int) ceil($seconds), $category === 'all' ? '' : $category);
        }

        return $header;
    }

    /**
     * Whether the first item of an envelope is rate-limited.
     *
     * @param array<string, float> $limits
     */
    private static function isLimited(string $envelope, array $limits): bool
    {
        if (isset($limits['all'])) {
            return true;
        }
        $head = json_decode(explode("\n", $envelope, 3)[1] ?? '', true);
        $type = \is_array($head) && \is_string($head['type'] ?? null) ? $head['type'] : '';

        return isset($limits[self::CATEGORIES[$type] ?? $type]);
    }

    private function curl(): HttpClientInterface
    {
        return self::$curl["{$this->sdkIdentifier}/{$this->sdkVersion}"] ??= new CurlClient($this->sdkIdentifier, $this->sdkVersion);
    }
}
