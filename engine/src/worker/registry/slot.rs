//! A thread's own slot of the registry.

use std::sync::{Arc, atomic::Ordering};

use super::{FIELDS_START, OWNER_SLOTS, PUBLISHED_WORD, ProcessId, WorkerField, WorkerRegistry};
use crate::{host::fork, shm::owner_slots::OWNER};

/// A thread's own slot. Dropping it frees the slot; a forked child's copy belongs to its parent and does nothing.
#[derive(Debug)]
pub struct WorkerSlot {
    pub(super) registry: Arc<WorkerRegistry>,
    pub(super) slot: usize,
    pub(super) owner: ProcessId,
    pub(super) generation: u32,
}

impl WorkerSlot {
    /// Whether the slot is this process's still: a process that found the presence missing may have freed it.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.generation == fork::generation()
            && self.registry.load(self.slot, OWNER, Ordering::Relaxed) == self.owner.0
    }

    /// The process that the slot names.
    #[must_use]
    pub fn owner(&self) -> ProcessId {
        self.owner
    }

    /// Stores a value.
    #[inline]
    pub fn set(&self, field: WorkerField, value: u64) {
        let word = FIELDS_START + field as usize;
        self.registry
            .store(self.slot, word, value, Ordering::Relaxed);
    }

    /// Makes the slot visible to other processes, when its first values are stored.
    pub fn publish(&self) {
        let owner = self.owner.0;
        self.registry
            .store(self.slot, PUBLISHED_WORD, owner, Ordering::Release);
    }
}

impl Drop for WorkerSlot {
    fn drop(&mut self) {
        if self.is_owned() {
            self.registry
                .store(self.slot, PUBLISHED_WORD, 0, Ordering::Release);
            OWNER_SLOTS.release(&self.registry.0, self.slot, self.owner.0);
        }
    }
}
