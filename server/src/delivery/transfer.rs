//! One response on its way: the time to its first byte, and whether the client has received the last one. Shared by the
//! body and the connection's file queue; the last of both to go counts the outcome.

use std::{
    sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    time::Instant,
};

use pillion_engine::metrics::velox as metrics;

use crate::http::Progress;

/// Transfers of this process that have not ended.
static ACTIVE: AtomicUsize = AtomicUsize::new(0);

/// The number of responses with a binary that are on their way.
#[must_use]
pub fn active_transfers() -> usize {
    ACTIVE.load(Ordering::Relaxed)
}

/// A response with a binary.
#[derive(Debug)]
pub(super) struct Transfer {
    request_id: String,
    /// The label of the time to the first byte: hit or miss.
    cache_status: &'static str,
    started: Instant,
    expected: u64,
    has_begun: AtomicBool,
    sent: AtomicU64,
}

impl Transfer {
    pub(super) fn new(
        request_id: String,
        cache_status: &'static str,
        started: Instant,
        expected: u64,
    ) -> Self {
        ACTIVE.fetch_add(1, Ordering::Relaxed);
        Self {
            request_id,
            cache_status,
            started,
            expected,
            has_begun: AtomicBool::new(false),
            sent: AtomicU64::new(0),
        }
    }
}

impl Progress for Transfer {
    fn add(&self, bytes: u64) {
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            let time = self.started.elapsed().as_secs_f64();
            metrics::STREAM_TTFB.observe(&[self.cache_status], time);
        }
        self.sent.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        ACTIVE.fetch_sub(1, Ordering::Relaxed);
        let sent = self.sent.load(Ordering::Relaxed);
        if sent < self.expected {
            metrics::CLIENT_DISCONNECTS.inc_for(&["stream"]);
            log::warn!(
                request_id = self.request_id.as_str(),
                bytes_sent = sent,
                bytes_expected = self.expected;
                "client disconnected"
            );
        } else {
            log::debug!(request_id = self.request_id.as_str(), bytes_sent = sent; "binary sent");
        }
    }
}
