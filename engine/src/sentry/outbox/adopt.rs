//! Taking over what dead processes left, and counting what waits on the whole host. On a thread that
//! may block; doing it twice changes nothing.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{AdoptBackoff, Outbox, OutboxLock, QueueFile};
use crate::failpoint::{FailPoint, reach};

/// What was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Outboxes whose owner was dead.
    pub outboxes: usize,
    /// Records that are ours to send now.
    pub records: usize,
    /// Records whose writer died over them; they are never sent.
    pub torn: usize,
}

/// What waits in a directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Records that are not settled.
    pub records: usize,
    /// Bytes of all files.
    pub bytes: u64,
}

impl Backlog {
    /// Both together.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self {
            records: self.records + other.records,
            bytes: self.bytes + other.bytes,
        }
    }
}

impl Outbox {
    /// Adopts outboxes in `dir` whose owners are dead, `most` at most, less those that `orphans` were refused
    /// lately.
    pub fn adopt(&self, dir: &Path, adopt_backoff: &AdoptBackoff, most: usize) -> Adopted {
        let mut sum = Adopted::default();
        for name in OutboxLock::list_names(dir) {
            if sum.outboxes >= most {
                break;
            }
            let own = self.lock.as_ref().is_some_and(|lock| lock.name() == name);
            if own || !adopt_backoff.is_due(dir, &name) {
                continue;
            }
            if let Ok(Some(lock)) = OutboxLock::try_acquire(dir, &name) {
                reach(FailPoint::AdoptLocked);
                let adopted = self.adopt_one(Arc::new(lock), adopt_backoff);
                sum.outboxes += adopted.outboxes;
                sum.records += adopted.records;
                sum.torn += adopted.torn;
            }
        }
        sum
    }

    fn adopt_one(&self, lock: Arc<OutboxLock>, adopt_backoff: &AdoptBackoff) -> Adopted {
        let mut sum = Adopted {
            outboxes: 1,
            ..Adopted::default()
        };
        let mut is_first = None;
        // Counted while its files are looked at, so that it doesn't end before the last one.
        lock.retain_file();
        // Each goes before what is there, so the youngest comes first.
        for path in lock.list_files().into_iter().rev() {
            let file = match QueueFile::adopt(&path, Arc::clone(&lock)) {
                Ok(Some(file)) => Arc::new(file),
                Ok(None) => {
                    // Its maker died over it: nobody had written to it.
                    let _ = std::fs::remove_file(&path);
                    continue;
                }
                Err(error) => {
                    // Stays for somebody who may: so must its lock file.
                    let is_first = *is_first.get_or_insert_with(|| {
                        lock.retain_file();
                        sum.outboxes = 0;
                        adopt_backoff.record_failure(lock.dir(), lock.name())
                    });
                    if is_first {
                        log::warn!(path = path.display().to_string().as_str(), error = error.to_string().as_str(); "outbox can't be adopted");
                    }
                    continue;
                }
            };
            let (records, shed, torn) = file.recover();
            reach(FailPoint::AdoptRecovered);
            sum.records += records;
            sum.torn += torn;
            lock.retain_file();
            if file.is_finished() {
                file.unlink();
                continue;
            }
            self.queued.fetch_add(records, Ordering::AcqRel);
            let mut chains = self.chains();
            chains
                .evicted
                .extend(shed.into_iter().map(|index| (Arc::clone(&file), index)));
            chains.of_mut(file.priority).push_front(file);
            drop(chains);
            reach(FailPoint::AdoptListed);
        }
        lock.release_file();
        sum
    }
}

/// Whether the outbox of that name in `dir` has a living owner.
#[must_use]
pub fn is_held(dir: &Path, name: &str) -> bool {
    OutboxLock::is_held(dir, name)
}

/// What waits in the outboxes of a directory whose owners are dead.
#[must_use]
pub fn orphaned_backlog_in(dir: &Path) -> Backlog {
    let mut names = OutboxLock::list_names(dir);
    names.retain(|name| OutboxLock::is_orphan(dir, name));
    if names.is_empty() {
        return Backlog::default();
    }
    backlog_where(dir, |owner| names.iter().any(|name| name == owner))
}

/// What waits in all outboxes of a directory, of the living and of the dead. For status pages.
#[must_use]
pub fn backlog_in(dir: &Path) -> Backlog {
    backlog_where(dir, |_| true)
}

/// What waits in the outboxes that `wanted` chooses by their names.
fn backlog_where(dir: &Path, wanted: impl Fn(&str) -> bool) -> Backlog {
    let mut sum = Backlog::default();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_box = entry.file_name().to_str().is_some_and(|name| {
            name.ends_with(".v1.box") && name.split('.').next().is_some_and(&wanted)
        });
        if !is_box {
            continue;
        }
        let nobody = Arc::new(OutboxLock::unowned());
        if let Ok(Some(file)) = QueueFile::adopt(&entry.path(), nobody) {
            sum.bytes += file.bytes() as u64;
            sum.records += file.waiting();
        }
    }
    sum
}
