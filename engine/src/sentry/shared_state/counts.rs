//! Counters of the host since it booted, and the metrics of this process that count the same. Any thread.

use std::sync::atomic::Ordering;

use super::SharedState;
use crate::metrics::{Counter, sentry as metrics};

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

impl Count {
    /// The same count of this process; for sums of times there are histograms.
    const fn process_counter(self) -> Option<&'static Counter> {
        Some(match self {
            Self::Accepted => &metrics::ACCEPTED,
            Self::Sent => &metrics::SENT,
            Self::Failed => &metrics::FAILED,
            Self::RateLimited => &metrics::RATE_LIMITED,
            Self::Retries => &metrics::RETRIES,
            Self::Overflow => &metrics::OVERFLOW,
            Self::DeadLetters => &metrics::DEAD_LETTERS,
            Self::Adopted => &metrics::ADOPTED,
            Self::Torn => &metrics::TORN,
            Self::TooLarge => &metrics::TOO_LARGE,
            Self::Bytes => &metrics::BYTES,
            Self::Replayed => &metrics::REPLAYED,
            Self::Requests | Self::SendMicros | Self::WaitMillis => return None,
        })
    }
}

impl SharedState {
    /// Adds `by` to a counter of the host and of this process.
    #[inline]
    pub fn count(&self, count: Count, by: u64) {
        if let Some(word) = self.segment.word(count as usize) {
            word.fetch_add(by, Ordering::Relaxed);
        }
        if let Some(counter) = count.process_counter() {
            counter.add(by);
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
