//! The files of an outbox, class by class, and what a moment of leisure does with them. Behind the outbox'
//! mutex, which is never held across a copy; on the runtime, by one task.

use std::{
    collections::VecDeque,
    ptr,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use super::{GROWTH_FACTOR, MIN_FILE_BYTES, Outbox, evict::plan::ProjectUsage, file::QueueFile};
use crate::sentry::protocol::category::Priority;

#[derive(Debug, Default)]
pub(super) struct Chains {
    /// Each class' files, the oldest first; its current one is the last of ours.
    pub(super) files: [VecDeque<Arc<QueueFile>>; 5],
    /// Made ahead, so that PHP's thread finds it.
    pub(super) spare: Option<Arc<QueueFile>>,
    /// Dropped and not yet reported.
    pub(super) evicted: Vec<(Arc<QueueFile>, u32)>,
    /// Out of the chains; a writer may still be looking at them.
    pub(super) retired: Vec<Arc<QueueFile>>,
    pub(super) awaiting_writers: Option<(usize, Vec<Arc<QueueFile>>)>,
    /// Bytes of the files of other processes, and how many outboxes there are, this one included.
    pub(super) host_usage: Option<(Instant, u64, u64)>,
    /// How many records the projects have waiting, not long ago.
    pub(super) usage: Option<ProjectUsage>,
}

impl Chains {
    pub(super) fn of(&self, priority: Priority) -> &VecDeque<Arc<QueueFile>> {
        priority.of(&self.files)
    }

    pub(super) fn of_mut(&mut self, priority: Priority) -> &mut VecDeque<Arc<QueueFile>> {
        priority.of_mut(&mut self.files)
    }

    pub(super) fn bytes(&self) -> u64 {
        let files = self.files.iter().flatten().chain(self.spare.iter());
        files.map(|file| file.bytes() as u64).sum()
    }

    /// Those that die with the process.
    pub(super) fn in_memory(&self) -> impl Iterator<Item = &Arc<QueueFile>> {
        let files = self.files.iter().flatten().chain(self.spare.iter());
        files.filter(|file| !file.is_file())
    }

    /// Bytes of the files in which something waits.
    pub(super) fn live_bytes(&self) -> u64 {
        let files = self.files.iter().flatten().chain(self.spare.iter());
        let live = files.filter(|file| !file.is_dead());
        live.map(|file| file.bytes() as u64).sum()
    }

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
    /// What a moment of leisure is for: files that are done go, their mappings follow when no writer can
    /// be looking at them, a chain that has grown gets its next file ahead, and one that is `idle` gives
    /// all but a small one back. The file after the small one is made when it is needed: most processes
    /// send little, and would hold four times as much for nothing. On the runtime, by one task.
    pub fn maintain(&self, idle: bool) {
        let mut chains = self.chains();
        for priority in Priority::ALL {
            let current = &self.head(priority).current;
            let held = current.load(Ordering::Acquire);
            let last = chains
                .of(priority)
                .back()
                .filter(|file| Arc::as_ptr(file).cast_mut() == held)
                .map(Arc::clone);
            if let Some(last) = last {
                // What is kept in memory makes way for a file as soon as it can.
                let is_fallback = self.lock.is_some() && !last.is_file();
                if (idle && last.bytes() > MIN_FILE_BYTES || is_fallback) && last.is_drained() {
                    current.store(ptr::null_mut(), Ordering::Release);
                    last.seal();
                } else if !idle
                    && last.bytes() > MIN_FILE_BYTES
                    && last.fill_percent() > 50
                    && chains.spare.is_none()
                {
                    let bytes = (last.bytes() * GROWTH_FACTOR).min(self.max_file_bytes());
                    let used = self.host_usage(&mut chains).0 + chains.bytes();
                    if used + bytes as u64 <= self.capacity.bytes {
                        chains.spare = self.make(priority, bytes).ok().map(Arc::new);
                    }
                }
            }
            let finished: Vec<_> = chains
                .of(priority)
                .iter()
                .filter(|file| file.is_finished())
                .map(Arc::clone)
                .collect();
            for file in finished {
                chains.retire(&file);
            }
        }
        if idle && let Some(spare) = chains.spare.take() {
            spare.unlink();
        }
        self.evict_for_others(&mut chains);
        self.free_retired(&mut chains);
    }

    fn free_retired(&self, chains: &mut Chains) {
        if let Some((turn, files)) = chains.awaiting_writers.take() {
            if !self.epoch.is_over(turn) {
                chains.awaiting_writers = Some((turn, files));
                return;
            }
            drop(files);
        }
        if !chains.retired.is_empty() {
            let files = std::mem::take(&mut chains.retired);
            chains.awaiting_writers = Some((self.epoch.turn(), files));
        }
    }
}
