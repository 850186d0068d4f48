//! The last scan for replayable dead letters. Threads that may block.

use std::{
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
    time::SystemTime,
};

use crate::host::clock;

/// Interval between two scans of the directory.
pub(super) const SCAN_INTERVAL_MS: u64 = 1000;

/// The result of the last scan, so that the directory is read only if a dead letter may be due.
#[derive(Debug, Default)]
pub struct ReplayState(Mutex<LastScan>);

#[derive(Debug, Default, Clone, Copy)]
pub(super) struct LastScan {
    /// The modification time of the directory.
    pub(super) changed: Option<SystemTime>,
    /// When the next dead letter is due, in milliseconds since 1970, as the following.
    pub(super) due: u64,
    /// When the directory was scanned.
    pub(super) scanned: u64,
    /// When a dead letter probed Sentry last.
    pub(super) probed: u64,
}

impl ReplayState {
    /// Whether a dead letter in `dir` may be due. One system call.
    pub(in crate::sentry) fn may_have_due(&self, dir: &Path) -> bool {
        let changed = dir.metadata().and_then(|found| found.modified());
        let (Ok(changed), last_scan, now) = (changed, *self.last_scan(), clock::unix_ms()) else {
            return false;
        };
        let is_new_scan_due = now.abs_diff(last_scan.scanned) >= SCAN_INTERVAL_MS;
        is_new_scan_due && (last_scan.changed != Some(changed) || now >= last_scan.due)
    }

    pub(super) fn last_scan(&self) -> MutexGuard<'_, LastScan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
