<?php

/*
 * Checks that the extension supports the SDK's options. Checked once for each set of options: the extension's settings
 * can't change while the process lives.
 */

declare(strict_types=1);

namespace Pillion\Bridge\Sentry;

use Pillion\Exception;
use Pillion\Sentry;
use Sentry\Options;
use WeakMap;

/**
 * @internal
 */
final class Extension
{
    /** @var WeakMap<Options, bool>|null */
    private static ?WeakMap $served = null;

    private static ?int $maxPayloadSize = null;

    /**
     * Whether the extension sends envelopes with these options.
     *
     * Timeouts, compression and certificates are the extension's own settings: they cost the request nothing there. A
     * proxy and an unchecked certificate decide whether Sentry is reached at all; if the options have them and the
     * extension has not, the SDK's own client sends, and a log line names the setting.
     */
    public static function serves(Options $options): bool
    {
        self::$served ??= new WeakMap();

        return self::$served[$options] ??= self::isLoaded() && self::agreesWith($options);
    }

    /**
     * Whether the functions that this package needs exist.
     */
    public static function isLoaded(): bool
    {
        return \function_exists('Pillion\Sentry\settings');
    }

    public static function maxPayloadSize(): int
    {
        return self::$maxPayloadSize ??= Sentry\settings()['transport']['max_payload_size'];
    }

    private static function agreesWith(Options $options): bool
    {
        try {
            $settings = Sentry\settings();
        } catch (Exception) {
            // Invalid settings, which the extension has logged.
            return false;
        }
        if (!$settings['enabled']) {
            return false;
        }
        $transport = $settings['transport'];
        $lacks = match (true) {
            $options->getHttpProxy() !== null && !$transport['proxy'] => 'http_proxy is set, and pillion.sentry_transport_proxy is not',
            !$options->getHttpSslVerifyPeer() && $transport['ssl_verify'] && $options->getDsn()?->getScheme() === 'https' => 'http_ssl_verify_peer is off, and pillion.sentry_transport_ssl_verify is on',
            default => null,
        };
        if ($lacks !== null) {
            $options->getLogger()?->warning("Sentry's envelopes are sent by the SDK itself, while the request waits: {$lacks}.");
        }

        return $lacks === null;
    }
}
