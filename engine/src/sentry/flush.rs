//! Waiting for an empty outbox: `flush()`, and the end of the process.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Sentry, shared_state::Count};

/// Pause between two checks of [`Sentry::flush`].
const FLUSH_POLL_INTERVAL: Duration = Duration::from_millis(2);
/// Pause between two checks of [`Sentry::shutdown`].
const SHUTDOWN_POLL_INTERVAL: Duration = Duration::from_millis(1);

impl Sentry {
    /// Returns `true` when no envelope of this process is queued any more: each is sent, rejected, or dropped and
    /// counted. Meanwhile batches and client reports are sent at once. Cancel-safe: dropping it ends the flush.
    pub async fn flush(self: Arc<Self>) -> bool {
        let _guard = self.sender_state.begin_flush();
        let begun = self.sender_state.idle_rounds();
        loop {
            if self.outbox.queued() == 0 && self.sender_state.idle_rounds() > begun {
                return true;
            }
            self.sender_state.wake();
            tokio::time::sleep(FLUSH_POLL_INTERVAL).await;
        }
    }

    /// Sends queued envelopes at the end of the process, for at most `timeout` and only while it is of use. With
    /// `adopts` it also sends outboxes of dead processes if half of the time is left: one at a time, because others
    /// may end at the same moment and take the next. The last third is left for responses: an envelope without one
    /// is sent again by another process. Blocks the thread.
    pub fn shutdown(&self, timeout: Duration, adopts: bool) {
        let state = &self.sender_state;
        state.begin_shutdown();
        if self.outbox.queued() == 0 && !(adopts && self.dirs.list_adoptable()) {
            return;
        }
        let begun = Instant::now();
        let _guard = state.begin_flush();
        let mut since = state.idle_rounds();
        let mut orphaned = None;
        loop {
            while begun.elapsed() < timeout * 2 / 3
                && self.outbox.queued() > 0
                && !state.is_backing_off_since(since)
            {
                state.wake();
                std::thread::sleep(SHUTDOWN_POLL_INTERVAL);
            }
            let has_time = begun.elapsed() < timeout / 2 && self.outbox.queued() == 0;
            if !adopts || !has_time {
                break;
            }
            orphaned.get_or_insert_with(|| self.orphaned_slots());
            if !self.adopt_up_to(1) {
                break;
            }
            since = state.idle_rounds();
        }
        // Once, because it reads the files of all outboxes that are left.
        if let Some(orphaned) = orphaned {
            self.free_slots(&orphaned);
        }
        state.close();
        while begun.elapsed() < timeout && state.has_requests() {
            std::thread::sleep(SHUTDOWN_POLL_INTERVAL);
        }
        self.lose_in_memory();
    }

    /// Drops the queued envelopes that are in no file, because the process ends; they are counted and reported to
    /// Sentry. The envelope of a request that is under way may still be delivered; if it is not, the process that
    /// frees the slot of this one counts it.
    pub(crate) fn lose_in_memory(&self) {
        let lost = self.outbox.evict_in_memory();
        if lost == 0 {
            return;
        }
        self.shared.count(Count::Overflow, lost as u64);
        self.report_evicted();
        self.publish_queued();
        log::warn!(envelopes = lost; "envelopes lost: in no outbox file when the process ended");
    }
}
