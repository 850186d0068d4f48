//! Metrics of this process's envelopes. `Sentry\metrics()` returns the same numbers for the host; both are counted at
//! the same point.

use super::{
    family::{Label, Metric, series},
    handle::{Counter, Counters, Gauge},
    histogram::{Histogram, histogram},
};

/// Sentry's reasons and categories, as the protocol has them; a test holds them against the room's own.
const LOST: &[Label] = &[
    Label {
        name: "reason",
        values: &[
            "queue_overflow",
            "cache_overflow",
            "ratelimit_backoff",
            "network_error",
            "send_error",
            "internal_sdk_error",
        ],
    },
    Label {
        name: "category",
        values: &[
            "default",
            "error",
            "transaction",
            "span",
            "log_item",
            "log_byte",
            "trace_metric",
            "trace_metric_byte",
            "monitor",
            "session",
            "attachment",
            "attachment_item",
            "profile",
            "profile_chunk",
            "profile_chunk_ui",
            "replay",
            "feedback",
            "security",
            "metric_bucket",
            "internal",
        ],
    },
];
/// From a loopback relay to a Sentry that answers at its last moment.
const REQUEST: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
];
/// From milliseconds to outages of hours.
const PROCESSING: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0,
    3600.0, 86_400.0,
];

/// Of this process, those that it adopted included.
pub static QUEUE_LENGTH: Gauge = Gauge::new(
    "sentry_queue_length",
    "Envelopes that are queued or being sent.",
);
/// Taken by `send()`.
pub static ACCEPTED: Counter = Counter::new(
    "sentry_events_accepted_total",
    "Envelopes taken into an outbox.",
);
/// Taken by Sentry.
pub static SENT: Counter = Counter::new("sentry_events_sent_total", "Envelopes that Sentry took.");
/// Refused by Sentry, given up, or not understood.
pub static FAILED: Counter = Counter::new(
    "sentry_events_failed_total",
    "Envelopes refused, given up without a dead letter, or not understood.",
);
/// Not sent, or refused, because of rate limits.
pub static RATE_LIMITED: Counter = Counter::new(
    "sentry_events_rate_limit_total",
    "Envelopes dropped because of rate limits of Sentry.",
);
/// Evicted for others, refused by a full outbox, or in no file when their process ended.
pub static OVERFLOW: Counter = Counter::new(
    "sentry_events_dropped_total",
    "Envelopes dropped because an outbox was full.",
);
/// Larger than `sentry.max_payload_size`.
pub static TOO_LARGE: Counter = Counter::new(
    "sentry_events_too_large_total",
    "Envelopes refused for their size.",
);
/// Left by processes that died.
pub static ADOPTED: Counter = Counter::new(
    "sentry_events_adopted_total",
    "Envelopes taken over from processes that died.",
);
/// Their writers died over them.
pub static TORN: Counter = Counter::new(
    "sentry_events_torn_total",
    "Records whose writer died before they were whole.",
);
/// Tries after connection trouble.
pub static RETRIES: Counter = Counter::new("sentry_retries_total", "Tries after the first one.");
/// Kept in `state_dir`.
pub static DEAD_LETTERS: Counter = Counter::new(
    "sentry_dead_letters_total",
    "Envelopes stored as dead letters.",
);
/// Dead letters that were queued again.
pub static REPLAYED: Counter = Counter::new(
    "sentry_events_replayed_total",
    "Dead letters that were queued again.",
);
/// On the wire.
pub static BYTES: Counter = Counter::new(
    "sentry_sent_bytes_total",
    "Bytes of envelopes on the wire, tries that failed included.",
);
/// `reason`, `category`: in Sentry's quantities, as client reports tell them.
pub static LOST_ITEMS: Counters<{ series(LOST) }> = Counters::new(
    "sentry_lost_items_total",
    "Lost items, in Sentry's categories and quantities.",
    LOST,
);
/// Seconds.
pub static REQUEST_DURATION: Histogram<{ histogram(&[], REQUEST) }> = Histogram::new(
    "sentry_request_duration_seconds",
    "Time from the first byte of a request to the end of its answer.",
    &[],
    REQUEST,
);
/// Seconds.
pub static PROCESSING_DURATION: Histogram<{ histogram(&[], PROCESSING) }> = Histogram::new(
    "sentry_processing_duration_seconds",
    "Time from taking an envelope to Sentry's answer.",
    &[],
    PROCESSING,
);

/// All of them, in the order of the page.
pub(super) static ALL: &[&dyn Metric] = &[
    &QUEUE_LENGTH,
    &ACCEPTED,
    &SENT,
    &FAILED,
    &RATE_LIMITED,
    &OVERFLOW,
    &TOO_LARGE,
    &ADOPTED,
    &TORN,
    &RETRIES,
    &DEAD_LETTERS,
    &REPLAYED,
    &BYTES,
    &LOST_ITEMS,
    &REQUEST_DURATION,
    &PROCESSING_DURATION,
];
