//! Maintenance of the files of an outbox. On the runtime.

use std::{
    ptr,
    sync::{Arc, atomic::Ordering},
};

use super::{Outbox, QueueFile, chains::Chains, sizes::MIN_FILE_BYTES};
use crate::sentry::protocol::category::Priority;

/// The next file of a chain is created ahead when the current one is fuller than this.
const PREALLOCATE_ABOVE_PERCENT: usize = 50;

impl Outbox {
    /// Periodic maintenance: retires finished files, frees them or makes spares of them when no writer uses them, and
    /// creates the next file of a grown chain that is more than half full. An idle outbox keeps small files only. The
    /// file after the first one is created on demand: most processes send little, and would hold four times the memory
    /// for nothing. By one task.
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
                    && chains.spares.is_empty()
                    && chains.kept().next().is_none()
                {
                    let bytes = self.capacity.next_file_bytes(last.bytes());
                    let used = self.host_bytes(&mut chains);
                    if used + bytes as u64 <= self.capacity.bytes {
                        let spare = self.create_file(priority, bytes).ok();
                        chains.spares.extend(spare.map(Arc::new));
                    }
                }
            }
            let files = chains.of(priority).iter();
            let finished: Vec<_> = files
                .filter(|file| file.is_finished())
                .map(Arc::clone)
                .collect();
            for file in finished {
                chains.retire(&file, self.capacity);
            }
        }
        // Others evict records where files take their space, also empty ones.
        let is_crowded = self.host_bytes(&mut chains) > self.capacity.bytes / 2;
        if is_idle || is_crowded {
            chains.unlink_unused(usize::from(!is_idle));
        }
        self.evict_for_others(&mut chains);
        self.free_retired(&mut chains);
    }

    /// Frees the mappings of retired files when their writers are done, or makes spares of them, and starts a turn of
    /// the epoch for the next ones.
    fn free_retired(&self, chains: &mut Chains) {
        if let Some((turn, files)) = chains.freed_after.take() {
            if !self.epoch.is_over(turn) {
                chains.freed_after = Some((turn, files));
                return;
            }
            for file in files {
                chains.spares.extend(Self::reuse(file));
            }
        }
        if !chains.retired.is_empty() {
            let files = std::mem::take(&mut chains.retired);
            chains.freed_after = Some((self.epoch.turn(), files));
        }
    }

    /// Makes a spare of a retired file that no writer uses.
    fn reuse(file: Arc<QueueFile>) -> Option<Arc<QueueFile>> {
        if file.is_unlinked() {
            return None;
        }
        match Arc::try_unwrap(file) {
            Ok(file) => Some(Arc::new(file.empty())),
            // A claim on it is not dropped yet.
            Err(file) => {
                file.unlink();
                None
            }
        }
    }
}
