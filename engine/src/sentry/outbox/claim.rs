//! Claims on records: how the sender takes them from the outbox, defers them and settles them. On the runtime.

use std::{io, sync::Arc};

use super::{
    Outbox,
    file::{QueueFile, Record, RecordState},
};
use crate::{failpoint::failpoint, sentry::protocol::category::Priority};

/// A record that is being sent. Unless it is settled, the process that adopts it sends it again.
#[derive(Debug, Clone)]
pub struct Claim {
    pub(super) file: Arc<QueueFile>,
    pub(super) index: u32,
}

impl Claim {
    /// Copies the record out. Returns `None` if it is torn.
    #[must_use]
    pub fn read(&self) -> Option<Record> {
        self.file.read(self.index)
    }

    /// The priority of the record.
    #[must_use]
    pub fn priority(&self) -> Priority {
        self.file.priority
    }

    /// Claims a deferred record again. Returns `false` if it was evicted.
    #[must_use]
    pub fn resume(&self) -> bool {
        self.file.resume(self.index)
    }

    /// Whether the record is still deferred, and was not evicted.
    #[must_use]
    pub fn is_deferred(&self) -> bool {
        self.file.state(self.index) == RecordState::Deferred
    }

    /// Counts a failed attempt in the record.
    pub fn count_attempt(&self) {
        self.file.count_attempt(self.index);
    }
}

impl Outbox {
    /// Claims the oldest ready record of a priority.
    pub fn claim(&self, priority: Priority) -> Option<Claim> {
        let chains = self.chains();
        let found = chains.of(priority).iter().find_map(|file| {
            Some(Claim {
                index: file.claim()?,
                file: Arc::clone(file),
            })
        });
        drop(chains);
        found
    }

    /// Defers a claimed record, which may be evicted from now on.
    pub fn defer(&self, claim: &Claim) {
        // Excludes a concurrent scan for evictable records.
        let _chains = self.chains();
        claim.file.defer(claim.index);
    }

    /// Marks a record as done.
    pub fn settle(&self, claim: &Claim) {
        claim.file.settle(claim.index);
        failpoint!("outbox.settled");
        self.subtract_queued(&claim.file, 1);
        if claim.file.is_finished() {
            self.chains().retire(&claim.file, self.capacity);
        }
    }

    /// Syncs all files to disk. On a thread that may block.
    ///
    /// # Errors
    /// Those of the system.
    pub fn sync(&self) -> io::Result<()> {
        let files: Vec<_> = {
            let chains = self.chains();
            chains.files.iter().flatten().map(Arc::clone).collect()
        };
        files.iter().try_for_each(|file| file.sync())
    }

    /// Takes an evicted record that is not reported yet. [`Outbox::settle_evicted`] frees it.
    pub fn take_evicted(&self) -> Option<Claim> {
        let (file, index) = self.chains().evicted.pop()?;
        Some(Claim { file, index })
    }

    /// Marks an evicted record as done: it is reported.
    pub fn settle_evicted(&self, claim: &Claim) {
        claim.file.settle(claim.index);
        if claim.file.is_finished() {
            self.chains().retire(&claim.file, self.capacity);
        }
    }
}
