//! The files of an outbox by priority, and their maintenance. Guarded by the mutex of the outbox, which is never held
//! across a copy.

use std::{
    collections::VecDeque,
    ptr,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{Outbox, evict::plan::ProjectUsage, file::QueueFile, growth::MIN_FILE_BYTES};
use crate::sentry::protocol::category::Priority;

/// The next file of a chain is created ahead when the current one is fuller than this.
const PREALLOCATE_ABOVE_PERCENT: usize = 50;

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

impl Outbox {
    /// Periodic maintenance: unlinks finished files, frees retired ones when no writer uses them, creates the next file
    /// of a grown chain that is more than half full. An idle outbox keeps small files only. The file after the first
    /// one is created on demand: most processes send little, and would hold four times the memory for nothing. On the
    /// runtime, by one task.
    pub fn maintain(&self, is_idle: bool) {
        let mut chains = self.chains();
        for priority in Priority::ALL {
            let current = &self.head(priority).current;
            let file = current.load(Ordering::Acquire);
            let last = chains
                .of(priority)
                .back()
                .filter(|last| Arc::as_ptr(last).cast_mut() == file)
                .map(Arc::clone);
            if let Some(last) = last {
                // Memory is replaced by a file as soon as it is empty.
                let is_fallback = self.lock.is_some() && !last.is_file();
                let has_grown = last.bytes() > MIN_FILE_BYTES;
                if (is_idle && has_grown || is_fallback) && last.is_drained() {
                    current.store(ptr::null_mut(), Ordering::Release);
                    last.seal();
                } else if !is_idle
                    && has_grown
                    && last.fill_percent() > PREALLOCATE_ABOVE_PERCENT
                    && chains.spare.is_none()
                {
                    let bytes = self.next_file_bytes(last.bytes());
                    let used = self.host_usage(&mut chains).0 + chains.bytes();
                    if used + bytes as u64 <= self.capacity.bytes {
                        chains.spare = self.create_file(priority, bytes).ok().map(Arc::new);
                    }
                }
            }
            let files = chains.of(priority).iter();
            let finished: Vec<_> = files
                .filter(|file| file.is_finished())
                .map(Arc::clone)
                .collect();
            for file in finished {
                chains.retire(&file);
            }
        }
        if is_idle && let Some(spare) = chains.spare.take() {
            spare.unlink();
        }
        self.evict_for_others(&mut chains);
        self.free_retired(&mut chains);
    }

    /// Frees the mappings of retired files when their writers are done, and starts a turn of the epoch for the next
    /// ones.
    fn free_retired(&self, chains: &mut Chains) {
        if let Some((turn, files)) = chains.freed_after.take() {
            if !self.epoch.is_over(turn) {
                chains.freed_after = Some((turn, files));
                return;
            }
            drop(files);
        }
        if !chains.retired.is_empty() {
            let files = std::mem::take(&mut chains.retired);
            chains.freed_after = Some((self.epoch.turn(), files));
        }
    }
}
