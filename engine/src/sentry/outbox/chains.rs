//! The files of an outbox by priority. Guarded by the mutex of the outbox, which is never held
//! across a copy.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{
    evict::usage::ProjectUsage,
    file::QueueFile,
    sizes::{Capacity, MAX_SPARES, MIN_FILE_BYTES},
};
use crate::sentry::protocol::category::Priority;

/// The files of an outbox, and the bookkeeping of evictions.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// The files of each priority, the oldest first. The file that writers append to is the last one.
    pub(super) files: [VecDeque<Arc<QueueFile>>; 5],
    /// Empty files, so that a PHP thread need not create one.
    pub(super) spares: Vec<Arc<QueueFile>>,
    /// Evicted records that are not reported yet.
    pub(super) evicted: Vec<(Arc<QueueFile>, u32)>,
    /// Files that were removed from their chain while a writer may still use their mapping; those to be used again are
    /// in their directory.
    pub(super) retired: Vec<Arc<QueueFile>>,
    /// Retired files that are freed, or become spares, when the writers of this turn of the epoch are done.
    pub(super) freed_after: Option<(usize, Vec<Arc<QueueFile>>)>,
    /// When the files of the host were counted last: bytes of other processes, and the number of outboxes.
    pub(super) host_usage: Option<(Instant, u64, u64)>,
    /// The number of records of each project, counted some evictions ago.
    pub(super) usage: Option<ProjectUsage>,
}

impl Chains {
    pub(super) fn of(&self, priority: Priority) -> &VecDeque<Arc<QueueFile>> {
        priority.of(&self.files)
    }

    pub(super) fn of_mut(&mut self, priority: Priority) -> &mut VecDeque<Arc<QueueFile>> {
        priority.of_mut(&mut self.files)
    }

    fn all(&self) -> impl Iterator<Item = &Arc<QueueFile>> {
        let chains = self.files.iter().flatten();
        chains.chain(&self.spares).chain(self.kept())
    }

    pub(super) fn bytes(&self) -> u64 {
        self.all().map(|file| file.bytes() as u64).sum()
    }

    /// Files that do not outlive the process.
    pub(super) fn in_memory(&self) -> impl Iterator<Item = &Arc<QueueFile>> {
        self.all().filter(|file| !file.is_file())
    }

    /// The bytes of files with live records.
    pub(super) fn live_bytes(&self) -> u64 {
        let live = self.all().filter(|file| !file.is_dead());
        live.map(|file| file.bytes() as u64).sum()
    }

    /// Takes an empty file for a chain that needs `need` bytes and wants a file of `wanted`.
    pub(super) fn take_spare(
        &mut self,
        priority: Priority,
        need: usize,
        wanted: usize,
    ) -> Option<Arc<QueueFile>> {
        let fits = |spare: &Arc<QueueFile>| {
            spare.bytes() >= need && (spare.priority == priority || spare.bytes() <= wanted)
        };
        // The one that was used last is in the processor's caches.
        let at = self.spares.iter().rposition(fits)?;
        Some(self.spares.remove(at))
    }

    /// Removes a file from its chain. It is unlinked, unless it can be used again; its mapping is freed later.
    pub(super) fn retire(&mut self, file: &Arc<QueueFile>, capacity: Capacity) {
        let files = self.of_mut(file.priority);
        let Some(at) = files.iter().position(|one| Arc::ptr_eq(one, file)) else {
            return;
        };
        files.remove(at);
        // A smaller one would keep the chain from growing.
        let is_largest = file.bytes() == capacity.largest_file_bytes();
        let has_grown = file.bytes() > MIN_FILE_BYTES;
        let kept = self.kept().count() + self.spares.len();
        if !(is_largest && has_grown && kept < MAX_SPARES && file.is_reusable()) {
            file.unlink();
        }
        self.retired.push(Arc::clone(file));
    }

    /// Retired files that are in their directory.
    pub(super) fn kept(&self) -> impl Iterator<Item = &Arc<QueueFile>> {
        let freed = self.freed_after.iter().flat_map(|(_, files)| files);
        self.retired
            .iter()
            .chain(freed)
            .filter(|file| !file.is_unlinked())
    }

    /// Unlinks all spares but the first `left`, and all retired files.
    pub(super) fn unlink_unused(&mut self, left: usize) {
        self.kept().for_each(|file| file.unlink());
        let from = left.min(self.spares.len());
        self.spares.drain(from..).for_each(|spare| spare.unlink());
    }
}
