//! The files of an outbox by priority. Guarded by the mutex of the outbox, which is never held
//! across a copy.

use std::{collections::VecDeque, sync::Arc, time::Instant};

use super::{evict::usage::ProjectUsage, file::QueueFile};
use crate::sentry::protocol::category::Priority;

/// The files of an outbox, and the bookkeeping of evictions.
#[derive(Debug, Default)]
pub(super) struct Chains {
    /// The files of each priority, the oldest first. The file that writers append to is the last one.
    pub(super) files: [VecDeque<Arc<QueueFile>>; 5],
    /// A file that was created ahead, so that a PHP thread need not.
    pub(super) spare: Option<Arc<QueueFile>>,
    /// Evicted records that are not reported yet.
    pub(super) evicted: Vec<(Arc<QueueFile>, u32)>,
    /// Files that were removed from their chain while a writer may still use their mapping.
    pub(super) retired: Vec<Arc<QueueFile>>,
    /// Retired files that are freed when the writers of this turn of the epoch are done.
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
        self.files.iter().flatten().chain(self.spare.iter())
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

    /// Unlinks a file and removes it from its chain. Its mapping is freed later.
    pub(super) fn retire(&mut self, file: &Arc<QueueFile>) {
        let files = self.of_mut(file.priority);
        if let Some(at) = files.iter().position(|one| Arc::ptr_eq(one, file)) {
            files.remove(at);
            file.unlink();
            self.retired.push(Arc::clone(file));
        }
    }
}
