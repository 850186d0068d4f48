<?php

/*
 * Functions of the namespace Pillion\Sentry: fire and forget, and yet nothing is lost. For IDEs and static analysers; never
 * loaded where the extension is.
 */

declare(strict_types=1);

namespace Pillion\Sentry;

/**
 * Takes an envelope into the outbox and returns: no lock, no system call on the way. From there on it survives
 * the death of this process at any instant. The background sends it by Sentry's rules: rate limits that all processes of
 * the machine share, gzip, retry after connection trouble, dead letters, client reports.
 *
 * The header's `sent_at` is written anew when the envelope goes; every other byte stays as it is.
 *
 * @param string $envelope as Sentry's SDKs make them: a line with the header, then items
 * @param string|null $dsn the project; null or empty: the one that the envelope's header names, else `pillion.sentry_dsn`
 *
 * @return bool true: it is in the outbox. False: Sentry is switched off, there is no project, the envelope has no item, is
 *     larger than `pillion.sentry_max_payload_size`, or the outbox is full of what matters more; the last two are counted
 *
 * @throws \Pillion\InvalidRequestException code 200: it is no envelope
 * @throws \Pillion\ConfigException code 100: the DSN is wrong, or a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function send(string $envelope, ?string $dsn = null): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * As {@see send()} for several envelopes. Where one of them is none, nothing is taken.
 *
 * @template K of array-key
 *
 * @param array<K, string> $envelopes
 * @param string|null $dsn as of {@see send()}
 *
 * @return array<K, bool> what {@see send()} would have returned for each
 *
 * @throws \Pillion\InvalidRequestException code 200: each that is no envelope, such as `envelopes[3]`
 * @throws \Pillion\ConfigException code 100: the DSN is wrong, or a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function send_batch(array $envelopes, ?string $dsn = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Makes an envelope of an event and takes it in: for a script without an SDK. What is missing is added: `event_id`,
 * `timestamp`, `platform`, `level` (error; not to a transaction) and `sdk`.
 *
 * No content is refused. Bytes that are no UTF-8 become U+FFFD, `INF` and `NAN` null, a `JsonSerializable` what it gives, a
 * `DateTimeInterface` its time, an enum its value or name, every other object its class' name. An `event_id` that is none is
 * replaced. Cut, and marked with `…`, is what nests deeper than 32 levels, a text of more than 64 KiB, and what makes the event
 * larger than 960 KiB; an array that holds itself becomes `*RECURSION*`.
 *
 * ```php
 * Sentry\capture(['message' => 'the disk is full', 'level' => 'fatal', 'tags' => ['disk' => '/srv']]);
 * Sentry\capture(['exception' => ['values' => [['type' => $e::class, 'value' => $e->getMessage()]]]]);
 * ```
 *
 * @param array<string, mixed> $event as Sentry's event payload; with `type` `transaction`, a transaction
 * @param string|null $dsn as of {@see send()}
 *
 * @return string|null the event's id, 32 hexadecimal digits; null: as false of {@see send()}
 *
 * @throws \Pillion\ConfigException code 100: the DSN is wrong, or a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function capture(array $event, ?string $dsn = null): ?string
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Waits until nothing of this process waits any more, and doesn't let logs and reports wait for company meanwhile. There is
 * seldom a reason: envelopes are safe without it.
 *
 * @param float|null $timeout seconds, never exceeded; null: `pillion.shutdown_timeout`
 *
 * @return bool true: all were sent, or refused by Sentry, or given up and kept as dead letters. False: some wait still
 *
 * @throws \Pillion\StateException code 800: during shutdown
 * @throws \ValueError the timeout is negative or no number
 */
function flush(?float $timeout = null): bool
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The settings as they hold. Reads nothing else and takes a microsecond: cheap enough for each request. Fields may be added.
 *
 * - `transport`: the settings of that section, in seconds and bytes; `proxy`: whether there is one.
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
 * @throws \Pillion\ConfigException code 100: a setting is bad
 */
function settings(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The state of this machine's outboxes, named as RoadRunner's Sentry plugin names it. Fields may be added.
 * Adds up words that the processes share: it takes some microseconds, whatever waits.
 *
 * - `queue.queue_length`: envelopes that wait in all processes; `queue.here`: in this one.
 * - `queue.retry_queue_length`: dead letters.
 * - `queue.bytes`: of all outboxes. `queue.durable`: false where no file could be made, and envelopes die with the process.
 * - `rate_limits`: for each rate-limited category of the configured project (`all`: everything), until
 *   when, as RFC 3339.
 * - `transport`: the settings of that section as they hold, in seconds and bytes; `proxy`: whether there is one.
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
 * @throws \Pillion\ConfigException code 100: a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 */
function status(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * The rate limits of a project. Envelopes sent meanwhile are queued, dropped and reported; a check beforehand saves
 * the work of building them. Cheap: reads shared memory only.
 *
 * @param string|null $dsn the project; null: that of `pillion.sentry_dsn`
 *
 * @return array<string, float> seconds for each category (`error`, `transaction`, `log_item`, …), and `all` for everything
 *
 * @throws \Pillion\ConfigException code 100: the DSN is wrong, or a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 */
function rate_limits(?string $dsn = null): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * What was counted on this machine since it started, over all processes, living and dead. Fields may be added.
 *
 * - `events_sent`, `events_failed` (refused by Sentry, or not understood), `events_rate_limit`, `total_retries`: as
 *   RoadRunner's plugin names them; an event is an envelope.
 * - `events_dropped`: had no room. `events_adopted`: left by processes that died. `events_torn`: their writer died over them.
 * - `send_seconds`: mean time of a request. `wait_seconds`: mean time from being taken in to Sentry's answer.
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
 * @throws \Pillion\ConfigException code 100: a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 */
function metrics(): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Envelopes that were given up after connection trouble, the newest first.
 *
 * @param int $limit at most so many
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
 * @throws \Pillion\ConfigException code 100: a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown
 * @throws \ValueError the limit is negative
 */
function dead_letters(int $limit = 100): array
{
    throw new \Error('the extension pillion is not loaded');
}

/**
 * Takes dead letters into the outbox once more.
 *
 * @param string|null $id as {@see dead_letters()} gives it; null: all, the oldest first, as far as the outbox has room
 *
 * @return int how many
 *
 * @throws \Pillion\ConfigException code 100: a setting is bad
 * @throws \Pillion\StateException code 800: from a preload script, or during shutdown; 900: no memory
 */
function replay(?string $id = null): int
{
    throw new \Error('the extension pillion is not loaded');
}
