//! Adoption of outboxes of dead processes. On a thread that may block. Idempotent.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
};

use super::{AdoptBackoff, Outbox, OutboxLock, QueueFile, file::Recovered};
use crate::failpoint::failpoint;

/// The result of an adoption.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Adopted {
    /// Outboxes that were adopted.
    pub outboxes: usize,
    /// Records that this process sends now.
    pub records: usize,
    /// Records left incomplete by the death of their writer, which are never sent.
    pub torn: usize,
}

impl Outbox {
    /// Adopts at most `limit` outboxes of dead processes in `dir`, without those that failed recently.
    pub fn adopt(&self, dir: &Path, backoff: &AdoptBackoff, limit: usize) -> Adopted {
        let mut sum = Adopted::default();
        for name in OutboxLock::list_names(dir) {
            if sum.outboxes >= limit {
                break;
            }
            let is_own = self.name().is_some_and(|own| own == name);
            if is_own || !backoff.is_due(dir, &name) {
                continue;
            }
            if let Ok(Some(lock)) = OutboxLock::try_acquire(dir, &name) {
                failpoint!("adopt.locked");
                let adopted = self.adopt_one(Arc::new(lock), backoff);
                sum.outboxes += adopted.outboxes;
                sum.records += adopted.records;
                sum.torn += adopted.torn;
            }
        }
        sum
    }

    fn adopt_one(&self, lock: Arc<OutboxLock>, backoff: &AdoptBackoff) -> Adopted {
        let mut sum = Adopted {
            outboxes: 1,
            ..Adopted::default()
        };
        let mut is_first_failure = None;
        // Keeps the lock file until the last file is handled.
        lock.retain_file();
        // The newest first, because each is put before the files that are there.
        for path in lock.list_files().into_iter().rev() {
            let file = match QueueFile::adopt(&path, Arc::clone(&lock)) {
                Ok(Some(file)) => Arc::new(file),
                Ok(None) => {
                    // Its creation was never finished, so it holds no records.
                    let _ = std::fs::remove_file(&path);
                    continue;
                }
                Err(error) => {
                    // Another process may be able to adopt the file, for which it needs the lock file too.
                    let is_first = *is_first_failure.get_or_insert_with(|| {
                        lock.retain_file();
                        sum.outboxes = 0;
                        backoff.record_failure(lock.dir(), lock.name())
                    });
                    if is_first {
                        log::warn!(path:% = path.display(), error:%; "outbox not adopted");
                    }
                    continue;
                }
            };
            let Recovered {
                ready,
                evicted,
                torn,
            } = file.recover();
            failpoint!("adopt.recovered");
            sum.records += ready;
            sum.torn += torn;
            lock.retain_file();
            if file.is_finished() {
                file.unlink();
                continue;
            }
            self.queued.fetch_add(ready, Ordering::AcqRel);
            let mut chains = self.chains();
            let evicted = evicted.into_iter().map(|index| (Arc::clone(&file), index));
            chains.evicted.extend(evicted);
            chains.of_mut(file.priority).push_front(file);
            drop(chains);
            failpoint!("adopt.listed");
        }
        lock.release_file();
        sum
    }
}

/// Whether the outbox `name` in `dir` has an owner that is alive.
#[must_use]
pub fn is_held(dir: &Path, name: &str) -> bool {
    OutboxLock::is_held(dir, name)
}
