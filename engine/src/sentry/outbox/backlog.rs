//! The records and bytes in the outboxes of a directory, read from their files. On a thread that may block.

use std::{path::Path, sync::Arc};

use super::{OutboxLock, QueueFile};

/// Records and bytes of one or more outboxes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Records that are neither settled nor evicted.
    pub records: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Backlog {
    /// The sum of two backlogs.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// The backlog of the outboxes of dead processes in `dir`.
#[must_use]
pub fn orphaned_backlog_in(dir: &Path) -> Backlog {
    let mut names = OutboxLock::list_names(dir);
    names.retain(|name| OutboxLock::is_orphan(dir, name));
    if names.is_empty() {
        return Backlog::default();
    }
    backlog_where(dir, |owner| names.iter().any(|name| name == owner))
}

/// The backlog of all outboxes in `dir`.
#[must_use]
pub fn backlog_in(dir: &Path) -> Backlog {
    backlog_where(dir, |_| true)
}

/// The backlog of the outboxes in `dir` with a name that `is_wanted`.
fn backlog_where(dir: &Path, is_wanted: impl Fn(&str) -> bool) -> Backlog {
    let mut sum = Backlog::default();
    for (owner, entry) in OutboxLock::queue_files(dir) {
        if !is_wanted(&owner) {
            continue;
        }
        if let Ok(Some(file)) = QueueFile::adopt(&entry.path(), Arc::new(OutboxLock::unowned())) {
            sum.bytes += file.bytes() as u64;
            sum.records += file.waiting();
        }
    }
    sum
}
