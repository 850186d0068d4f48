//! Metrics of Sentry envelopes. Most counts are those of Sentry's shared state, which `Sentry\metrics()` returns too;
//! they begin at zero when the host boots.

use super::{declare::metrics, family::Label};

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
            "ignored",
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

metrics! {
    derived gauge QUEUE_LENGTH("sentry_queue_length"): "Envelopes that are queued or being sent.";
    derived counter ACCEPTED("sentry_events_accepted_total"): "Envelopes taken into an outbox.";
    derived counter SENT("sentry_events_sent_total"): "Envelopes that Sentry took.";
    derived counter FAILED("sentry_events_failed_total"):
        "Envelopes refused, given up without a dead letter, or not understood.";
    derived counter RATE_LIMITED("sentry_events_rate_limit_total"):
        "Envelopes dropped because of rate limits of Sentry.";
    derived counter OVERFLOW("sentry_events_dropped_total"):
        "Envelopes dropped because an outbox was full, or lost with a process whose outbox had no file.";
    derived counter TOO_LARGE("sentry_events_too_large_total"): "Envelopes refused for their size.";
    derived counter ADOPTED("sentry_events_adopted_total"): "Envelopes taken over from processes that died.";
    derived counter TORN("sentry_events_torn_total"): "Records whose writer died before they were whole.";
    derived counter RETRIES("sentry_retries_total"): "Tries after the first one.";
    derived counter DEAD_LETTERS("sentry_dead_letters_total"): "Envelopes stored as dead letters.";
    derived counter REPLAYED("sentry_events_replayed_total"): "Dead letters that were queued again.";
    derived counter BYTES("sentry_sent_bytes_total"):
        "Bytes of envelopes on the wire, tries that failed included.";
    host counter LOST_ITEMS("sentry_lost_items_total", labels = LOST):
        "Lost items, in Sentry's categories and quantities, as client reports name them.";
    host histogram REQUEST_DURATION("sentry_request_duration_seconds", buckets = REQUEST):
        "Time from the first byte of a request to the end of its answer.";
    host histogram PROCESSING_DURATION("sentry_processing_duration_seconds", buckets = PROCESSING):
        "Time from taking an envelope to Sentry's answer.";
}
