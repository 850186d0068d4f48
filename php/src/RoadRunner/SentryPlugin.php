<?php

/*
 * The calls of RoadRunner's Sentry plugin, with its arguments and results: SendEvent, SendBatch, GetStatus, GetMetrics.
 * An id that is not a Sentry id is answered unchanged, and sent as a UUID derived from it.
 */

declare(strict_types=1);

namespace Pillion\Bridge\RoadRunner;

use Pillion\Exception;
use Pillion\Sentry;
use Spiral\Goridge\RPC\Exception\ServiceException;
use stdClass;

/**
 * @internal
 *
 * @phpstan-type Answer array{success: bool, event_id: string, error: string, rate_limit: bool}
 */
final class SentryPlugin
{
    /** The plugin's types, with Sentry's categories. */
    private const CATEGORIES = [
        'event' => 'error',
        'error' => 'error',
        'log' => 'log_item',
        'check_in' => 'monitor',
        'sessions' => 'session',
    ];

    /** The namespace of name-based UUIDs (RFC 9562 §5.5). */
    private const NAMESPACE = '6a1f0c52d3a84e0e9d0d2f3c7b5e9a41';

    private const AS_IT_WAS = \JSON_THROW_ON_ERROR | \JSON_PRESERVE_ZERO_FRACTION | \JSON_UNESCAPED_UNICODE | \JSON_UNESCAPED_SLASHES;

    public static function isLoaded(): bool
    {
        return \function_exists('Pillion\Sentry\rate_limits');
    }

    public function call(string $method, mixed $payload): mixed
    {
        return match ($method) {
            'SendEvent' => $this->send(self::fields($payload)),
            'SendBatch' => array_map(fn (mixed $event): array => $this->send(self::fields($event)), array_values(self::fields($payload))),
            'GetStatus' => self::status(),
            'GetMetrics' => self::metrics(),
            default => throw new ServiceException("sentry_transport.{$method}: no such call; there are SendEvent, SendBatch, GetStatus and GetMetrics"),
        };
    }

    /**
     * @param array<mixed> $event
     *
     * @return Answer
     */
    private function send(array $event): array
    {
        $text = static fn (string $name): string => \is_scalar($event[$name] ?? null) ? (string) $event[$name] : '';
        $payload = $event['payload'] ?? '';
        // Some clients don't encode it. `json_encode()` would encode INF and NAN as 0.
        if (\is_array($payload)) {
            array_walk_recursive($payload, static function (mixed &$value): void {
                $value = \is_float($value) && !is_finite($value) ? null : $value;
            });
        }
        $payload = \is_array($payload) || \is_object($payload)
            ? (string) json_encode($payload, \JSON_INVALID_UTF8_SUBSTITUTE | \JSON_PARTIAL_OUTPUT_ON_ERROR)
            : $text('payload');
        $id = $text('event_id');
        $type = $text('type');
        $wrong = match (true) {
            $id === '' => 'event ID is required',
            $type === '' => 'event type is required',
            $payload === '' => 'event payload is required',
            default => null,
        };
        if ($wrong !== null) {
            return self::answer($id, $wrong);
        }
        $envelope = self::envelope(self::uuid($id), $type, $payload);
        if ($envelope === null) {
            return self::answer($id, 'event payload is not valid JSON');
        }
        try {
            $limits = Sentry\rate_limits();
            $taken = Sentry\send($envelope);
        } catch (Exception $exception) {
            return self::answer($id, $exception->getMessage());
        }
        // The extension has dropped and reported it.
        if (isset($limits['all']) || isset($limits[self::CATEGORIES[$type] ?? $type])) {
            return self::answer($id, 'rate limited', true);
        }
        if ($taken) {
            return self::answer($id);
        }
        $settings = Sentry\settings();

        return self::answer($id, $settings['enabled'] && $settings['dsn_set'] ? 'queue full' : 'plugin is disabled or not configured');
    }

    /**
     * The envelope of a payload: of an event's JSON, or the payload itself if it is an envelope (as in later versions
     * of the plugin). Null if it is neither.
     */
    private static function envelope(string $uuid, string $type, string $payload): ?string
    {
        [$first, $rest] = explode("\n", $payload, 2) + [1 => ''];
        $header = json_decode($first);
        $item = json_decode(explode("\n", $rest, 2)[0]);
        if ($header instanceof stdClass && $item instanceof stdClass && isset($item->type)) {
            // The plugin's project is used, and not that of the application.
            unset($header->dsn);

            return json_encode($header, self::AS_IT_WAS) . "\n{$rest}";
        }
        $data = json_decode($payload);
        if (json_last_error() === \JSON_ERROR_UTF8) {
            $data = json_decode($payload, flags: \JSON_INVALID_UTF8_SUBSTITUTE);
            $payload = (string) json_encode($data, self::AS_IT_WAS);
        }
        if (!$data instanceof stdClass) {
            return null;
        }
        // Sentry uses the id of the header; this one is for readers of the payload.
        if (isset($data->event_id)) {
            $data->event_id = $uuid;
            $payload = json_encode($data, self::AS_IT_WAS);
        }
        $head = json_encode(['type' => $type === 'error' ? 'event' : $type, 'length' => \strlen($payload)], self::AS_IT_WAS);

        return "{\"event_id\":\"{$uuid}\"}\n{$head}\n{$payload}\n";
    }

    /**
     * The id for Sentry: unchanged if it is a UUID; else a UUID of version 5 derived from it.
     */
    private static function uuid(string $id): string
    {
        $plain = strtolower(str_replace('-', '', $id));
        if (preg_match('/^[0-9a-f]{32}$/D', $plain) === 1) {
            return $plain;
        }
        $hash = substr(sha1(hex2bin(self::NAMESPACE) . $id), 0, 32);
        $hash[12] = '5';
        $hash[16] = dechex((int) hexdec($hash[16]) & 0x3 | 0x8);

        return $hash;
    }

    /**
     * @return Answer
     */
    private static function answer(string $id, string $error = '', bool $isLimited = false): array
    {
        return ['success' => $error === '', 'event_id' => $id, 'error' => $error, 'rate_limit' => $isLimited];
    }

    /**
     * @return array{
     *     enabled: bool,
     *     dsn_set: bool,
     *     queue: array{queue_length: int, retry_queue_length: int, workers: int, closed: bool},
     *     rate_limits: array<string, string>,
     * }
     */
    private static function status(): array
    {
        ['enabled' => $enabled, 'dsn_set' => $dsnSet, 'queue' => $queue, 'rate_limits' => $limits] = Sentry\status();

        return [
            'enabled' => $enabled,
            'dsn_set' => $dsnSet,
            'queue' => [
                'queue_length' => $queue['queue_length'],
                'retry_queue_length' => $queue['retry_queue_length'],
                'workers' => $queue['workers'],
                'closed' => $queue['closed'],
            ],
            'rate_limits' => $limits,
        ];
    }

    /**
     * @return array{events_sent: int, events_failed: int, events_rate_limit: int, queue_length: int, total_retries:
     *     int}
     */
    private static function metrics(): array
    {
        $metrics = Sentry\metrics();

        return [
            'events_sent' => $metrics['events_sent'],
            'events_failed' => $metrics['events_failed'],
            'events_rate_limit' => $metrics['events_rate_limit'],
            'queue_length' => $metrics['queue_length'],
            'total_retries' => $metrics['total_retries'],
        ];
    }

    /**
     * A payload of RPC as an array: a map or list, encoded or not.
     *
     * @return array<mixed>
     */
    private static function fields(mixed $payload): array
    {
        if (\is_string($payload) || \is_object($payload)) {
            $payload = json_decode(\is_string($payload) ? $payload : (string) json_encode($payload), true);
        }

        return \is_array($payload) ? $payload : [];
    }
}
