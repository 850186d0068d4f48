<?php

/*
 * Functions of the namespace Pillion\Sentry: a crash-safe transport that never blocks. For IDEs and static analysers;
 * not loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion\Sentry;

/**
 * Puts an envelope into the outbox and returns, without a lock or a system call. From then on the envelope survives a
 * crash of this process at any time. The runtime sends it by Sentry's rules: rate limits that all processes of the host
 * share, gzip, retry after network errors, dead letters, client reports.
 *
 * The header's `sent_at` is set when the envelope is sent; every other byte stays as it is.
 *
 * @param string $envelope in the format of Sentry's SDKs: a line with the header, then items
 * @param string|null $dsn the project; null or empty: that of the envelope's header, else `pillion.sentry_dsn`
 *
 * @return bool true: it is in the outbox. False: Sentry is disabled, no project is set, the envelope has no item or is
 *     larger than `pillion.sentry_max_payload_size`, or the outbox is full of envelopes of higher priority; the last
 *     two are counted
 *
 * @throws \Pillion\InvalidRequestException code 200: the envelope is invalid
 * @throws \Pillion\ConfigException code 100: the DSN or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function send(string $envelope, ?string $dsn = null): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * As {@see send()} for several envelopes. If one of them is invalid, none is sent.
 *
 * @template K of array-key
 *
 * @param array<K, string> $envelopes
 * @param string|null $dsn as of {@see send()}
 *
 * @return array<K, bool> for each, the result of {@see send()}
 *
 * @throws \Pillion\InvalidRequestException code 200: names each invalid envelope, such as `envelopes[3]`
 * @throws \Pillion\ConfigException code 100: the DSN or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function send_batch(array $envelopes, ?string $dsn = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Sends an event in an envelope of its own: for scripts without an SDK. Missing fields are added: `event_id`,
 * `timestamp`, `platform`, `level` (error; not to a transaction) and `sdk`.
 *
 * No content is refused. Bytes that are not UTF-8 become U+FFFD, `INF` and `NAN` null, a `JsonSerializable` its JSON, a
 * `DateTimeInterface` its time, an enum its value or name, every other object the name of its class. An invalid
 * `event_id` is replaced. Values nested deeper than 32 levels, strings of more than 64 KiB, and values beyond an event
 * size of 960 KiB are cut and marked with `…`; an array that contains itself becomes `*RECURSION*`.
 *
 * ```php
 * Sentry\capture(['message' => 'the disk is full', 'level' => 'fatal', 'tags' => ['disk' => '/srv']]);
 * Sentry\capture(['exception' => ['values' => [['type' => $e::class, 'value' => $e->getMessage()]]]]);
 * ```
 *
 * @param array<string, mixed> $event Sentry's event payload; a transaction if its `type` is `transaction`
 * @param string|null $dsn as of {@see send()}
 *
 * @return string|null the event's id, 32 hexadecimal digits; null where {@see send()} returns false
 *
 * @throws \Pillion\ConfigException code 100: the DSN or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function capture(array $event, ?string $dsn = null): ?string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Waits until all envelopes of this process have been sent; logs and reports are not batched meanwhile. Seldom needed:
 * envelopes are safe without it.
 *
 * @param float|null $timeout seconds, never exceeded; null: `pillion.shutdown_timeout`
 *
 * @return bool true: all were sent, refused by Sentry, or stored as dead letters. False: some are still queued
 *
 * @throws \Pillion\StateException code 800: during shutdown
 * @throws \ValueError the timeout is negative or no number
 */
function flush(?float $timeout = null): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The settings in effect. Takes a microsecond: cheap enough for each request. Fields may be added.
 *
 * - `transport`: the settings of that section, in seconds and bytes; `proxy`: whether one is set.
 *
 * @return array{
 *     enabled: bool,
 *     dsn_set: bool,
 *     workers: int,
 *     transport: array{
 *         timeout: float,
 *         connect_timeout: float,
 *         compression: bool,
 *         ssl_verify: bool,
 *         proxy: bool,
 *         max_payload_size: int,
 *     },
 * }
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 */
function settings(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The state of this host's outboxes, with the names of RoadRunner's Sentry plugin. Fields may be added.
 * Reads shared counters: it takes a few microseconds, however much is queued.
 *
 * - `queue.queue_length`: queued envelopes of all processes; `queue.here`: of this one.
 * - `queue.retry_queue_length`: dead letters.
 * - `queue.bytes`: of all outboxes. `queue.durable`: false if no file could be created, and envelopes are lost with the
 *   process.
 * - `rate_limits`: for each rate-limited category of the configured project (`all`: every category), the end of
 *   the limit, as RFC 3339.
 * - `transport`: the settings of that section in effect, in seconds and bytes; `proxy`: whether one is set.
 *
 * @return array{
 *     enabled: bool,
 *     dsn_set: bool,
 *     queue: array{
 *         queue_length: int,
 *         retry_queue_length: int,
 *         workers: int,
 *         closed: bool,
 *         bytes: int,
 *         durable: bool,
 *         here: int,
 *     },
 *     rate_limits: array<string, string>,
 *     transport: array{
 *         timeout: float,
 *         connect_timeout: float,
 *         compression: bool,
 *         ssl_verify: bool,
 *         proxy: bool,
 *         max_payload_size: int,
 *     },
 * }
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 */
function status(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The rate limits of a project. Envelopes of limited categories are dropped and reported by the runtime; a check
 * beforehand saves building them. Cheap: reads shared memory only.
 *
 * @param string|null $dsn the project; null: that of `pillion.sentry_dsn`
 *
 * @return array<string, float> seconds for each category (`error`, `transaction`, `log_item`, …), and `all` for every
 *     category
 *
 * @throws \Pillion\ConfigException code 100: the DSN or a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 */
function rate_limits(?string $dsn = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Counters of this host since its start, of all processes, dead ones included. Fields may be added.
 *
 * - `events_sent`, `events_failed` (refused by Sentry, or with an answer that is not understood), `events_rate_limit`,
 *   `total_retries`: as RoadRunner's plugin names them; an event is an envelope.
 * - `events_dropped`: the outbox was full, or no file held them when their process ended. `events_adopted`: taken over
 *   from processes that died. `events_torn`: the process died while it wrote them.
 * - `send_seconds`: mean time of a request. `wait_seconds`: mean time from `send()` to Sentry's answer.
 *
 * @return array{
 *     events_sent: int,
 *     events_failed: int,
 *     events_rate_limit: int,
 *     queue_length: int,
 *     total_retries: int,
 *     events_accepted: int,
 *     events_dropped: int,
 *     events_too_large: int,
 *     events_adopted: int,
 *     events_torn: int,
 *     events_replayed: int,
 *     dead_letters: int,
 *     requests: int,
 *     bytes_sent: int,
 *     send_seconds: float|null,
 *     wait_seconds: float|null,
 * }
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 */
function metrics(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Envelopes that could not be delivered after all attempts, the newest first.
 *
 * @param int $limit maximum number
 *
 * @return list<array{
 *     id: string,
 *     reason: string,
 *     given_up_at: float,
 *     accepted_at: float,
 *     attempts: int,
 *     bytes: int,
 *     event_id: string|null,
 *     types: list<string>,
 * }>
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 * @throws \ValueError the limit is negative
 */
function dead_letters(int $limit = 100): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Puts dead letters into the outbox again.
 *
 * @param string|null $id from {@see dead_letters()}; null: all, the oldest first, as far as the outbox has space
 *
 * @return int their number
 *
 * @throws \Pillion\ConfigException code 100: a setting is invalid
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function replay(?string $id = null): int
{
    throw new \Error('the extension pillion is not loaded');
}
