//! Removes artifacts that are unused for too long or too many: every hour, and as soon as uploads have filled the
//! storage beyond its size. Several gateways of one storage may do it at once. One task.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use pillion_engine::{metrics::gateway as metrics, remote::usage::Limits};
use tokio::{
    sync::Notify,
    time::{sleep, timeout},
};

use super::storage::Storage;

const INTERVAL: Duration = Duration::from_secs(3600);
/// Pause between two cleanings, however fast the storage fills.
const MIN_INTERVAL: Duration = Duration::from_secs(10);

/// The state of the cleaning.
#[derive(Debug)]
pub(super) struct Cleaning {
    limits: Limits,
    /// Bytes of all artifacts, as far as this gateway knows.
    bytes: AtomicU64,
    is_full: Notify,
}

impl Cleaning {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            bytes: AtomicU64::new(0),
            is_full: Notify::new(),
        }
    }

    /// Counts an upload.
    pub(super) fn stored(&self, bytes: u64) {
        let total = self.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        if self.limits.max_bytes > 0 && total > self.limits.max_bytes {
            self.is_full.notify_one();
        }
    }

    /// Cleans soon, because the storage has no space.
    pub(super) fn no_space(&self) {
        if self.limits.max_bytes > 0 {
            self.is_full.notify_one();
        }
    }

    /// Cleans for as long as it is polled.
    pub(super) async fn run(&self, storage: &Storage) {
        if self.limits.retention.is_zero() && self.limits.max_bytes == 0 {
            return;
        }
        loop {
            match storage.clean(self.limits).await {
                Ok(cleaned) => {
                    self.bytes.store(cleaned.bytes, Ordering::Relaxed);
                    metrics::REMOVED_OBJECTS.add_for(&["expired"], cleaned.expired);
                    metrics::REMOVED_OBJECTS.add_for(&["lru"], cleaned.lru);
                    log::info!(
                        expired_removed = cleaned.expired,
                        lru_removed = cleaned.lru,
                        bytes_remaining = cleaned.bytes;
                        "cache cleanup completed"
                    );
                }
                Err(error) => log::error!(error:%; "cache cleanup failed"),
            }
            sleep(MIN_INTERVAL).await;
            let _ = timeout(INTERVAL, self.is_full.notified()).await;
        }
    }
}
