//! Counters of the host since it booted, beside the limits that they belong to. Any thread.

use std::sync::atomic::Ordering;

use super::SharedState;
use crate::metrics::{Derived, Samples, Source, sentry as metrics};

/// A counter of the host. Its number is its word in the segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum Count {
    /// Envelopes stored in an outbox.
    Accepted,
    /// Envelopes accepted by Sentry.
    Sent,
    /// Envelopes dropped because Sentry rejected them, or because they were invalid or could not be delivered.
    Failed,
    /// Envelopes dropped because of a rate limit, here or by Sentry.
    RateLimited,
    /// Attempts after the first one.
    Retries,
    /// Envelopes dropped because the outbox was full, or because no file held them when their process ended.
    Overflow,
    /// Envelopes written as dead letters.
    DeadLetters,
    /// Envelopes adopted from dead processes.
    Adopted,
    /// Records left incomplete by the death of their writer.
    Torn,
    /// Envelopes refused for their size.
    TooLarge,
    /// Bytes sent over the wire.
    Bytes,
    /// Requests with a response.
    Requests,
    /// The sum of request durations, in microseconds.
    SendMicros,
    /// The sum of times from acceptance to delivery, in milliseconds.
    WaitMillis,
    /// Dead letters that were queued again.
    Replayed,
}

/// The counters on the page of metrics; for sums of times there are histograms.
const METRICS: [(Count, &Derived); 12] = [
    (Count::Accepted, &metrics::ACCEPTED),
    (Count::Sent, &metrics::SENT),
    (Count::Failed, &metrics::FAILED),
    (Count::RateLimited, &metrics::RATE_LIMITED),
    (Count::Retries, &metrics::RETRIES),
    (Count::Overflow, &metrics::OVERFLOW),
    (Count::DeadLetters, &metrics::DEAD_LETTERS),
    (Count::Adopted, &metrics::ADOPTED),
    (Count::Torn, &metrics::TORN),
    (Count::TooLarge, &metrics::TOO_LARGE),
    (Count::Bytes, &metrics::BYTES),
    (Count::Replayed, &metrics::REPLAYED),
];

impl SharedState {
    /// Adds `by` to a counter of the host.
    #[inline]
    pub fn count(&self, count: Count, by: u64) {
        if let Some(word) = self.segment.word(count as usize) {
            word.fetch_add(by, Ordering::Relaxed);
        }
    }

    /// The value of a counter since the host booted.
    #[must_use]
    pub fn total(&self, count: Count) -> u64 {
        self.segment
            .word(count as usize)
            .map_or(0, |word| word.load(Ordering::Relaxed))
    }
}

impl Source for SharedState {
    fn read(&self, samples: &mut Samples) {
        for (count, metric) in METRICS {
            samples.add(metric, &[], self.total(count) as f64);
        }
    }
}
