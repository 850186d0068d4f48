//! Stores for which no call waits: one task sends the queue. On PHP's threads and on the runtime.

use std::{sync::Arc, time::Duration};

use super::{entry::Entry, tier::SecondTier};
use crate::metrics::cache as counts;

/// Interval in which a change looks whether the stores before it have been sent.
const SETTLE_INTERVAL: Duration = Duration::from_millis(1);

impl SecondTier {
    /// Says that the first tier gets a value of a key now, which [`SecondTier::set_behind`] stores here.
    pub fn begin_behind(&self, key: &[u8]) {
        self.queue.begin(key);
    }

    /// Stores a value later, which has begun. Returns the task that has to run, unless it does already.
    pub fn set_behind(
        self: &Arc<Self>,
        entry: Entry,
    ) -> Option<impl Future<Output = ()> + Send + 'static> {
        let key = self.key(&entry.key);
        let starts = self.queue.push(entry).unwrap_or_else(|| {
            counts::LOST_WRITES.inc();
            self.repairs.add([key]);
            false
        });
        let tier = Arc::clone(self);
        starts.then_some(async move { tier.send_queue().await })
    }

    /// Stores that are not sent yet.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Counts the stores that are not sent as lost: the process ends.
    pub fn count_unsent(&self) {
        counts::LOST_WRITES.add(self.queue.len() as u64);
    }

    /// Waits until the stores have been sent for which no call has waited: what changes a key follows them.
    pub(super) async fn settle(&self) {
        let added = self.queue.added();
        while !self.queue.has_sent(added) {
            tokio::time::sleep(SETTLE_INTERVAL).await;
        }
    }

    async fn send_queue(self: &Arc<Self>) {
        loop {
            let entries = self.queue.take();
            if entries.is_empty() {
                return;
            }
            // Counted there.
            let _ = self.set(&entries).await;
            self.queue.finish(&entries, |key| {
                if let Some(cache) = self.first.cache() {
                    cache.remove_fenced(key);
                }
            });
        }
    }
}
