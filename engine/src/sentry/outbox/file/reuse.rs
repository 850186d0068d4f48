//! A finished file in memory is used again: its pages are mapped and allocated already, and in the processor's caches.
//! Not one on a disk, where an older state of its pages may come back after a power loss.
//!
//! A process may die at any instant: a sealed file without slots has no records. A file gets a higher number before it
//! takes the first one, because files are adopted in their order.

use std::{fs, io, path::PathBuf};

use super::{
    QueueFile,
    format::{CREATED_WORD, HEAD_WORD, HEADER, PRIORITY_WORD, SEALED, STATE},
    set,
};
use crate::{failpoint::failpoint, sentry::protocol::category::Priority, sync::atomic::Ordering};

/// The share of a file that slots have, at least: 64 slots in the largest one.
const MIN_SHARE_OF_SLOTS: usize = 1024;
/// A file that was full with less had no slots left for smaller records than before.
const MIN_FILL_PERCENT: usize = 50;

impl QueueFile {
    /// Whether the file is finished, belongs to this process, is in memory, and has space for slots.
    pub(in crate::sentry::outbox) fn is_reusable(&self) -> bool {
        let slots_from = self.slots_from.max(self.data_end());
        self.path.is_some()
            && !self.has_checksums
            && self.owner.is_none()
            && self.is_finished()
            && self.used() * 100 >= self.bytes() * MIN_FILL_PERCENT
            && slots_from + self.bytes() / MIN_SHARE_OF_SLOTS <= self.bytes()
    }

    /// Empties a reusable file of which there is no other reference. It takes no record before [`QueueFile::begin`].
    pub(in crate::sentry::outbox) fn empty(self) -> Self {
        let (slots, slots_from) = (self.slots(), self.slots_from.max(self.data_end()));
        set(&self.segment, HEAD_WORD, SEALED | HEADER as u64);
        failpoint!("outbox.emptied");
        // A slot is empty until its writer publishes it.
        for index in 0..slots {
            if let Some(state) = self.slot(index, STATE) {
                state.store(0, Ordering::Release);
            }
        }
        Self {
            slots_from,
            ..Self::from_segment(self.segment, self.path, self.priority, None)
        }
    }

    /// Begins to use an empty file, in the chain of `priority` and, in memory, under the name `path`. On a disk it keeps
    /// its name: a rename may wait for the disk.
    ///
    /// # Errors
    /// It can't be renamed; it is still empty.
    pub(in crate::sentry::outbox) fn begin(
        &mut self,
        priority: Priority,
        path: Option<PathBuf>,
        now_ms: u64,
    ) -> io::Result<()> {
        if let Some((from, path)) = self.path.as_ref().zip(path)
            && !self.has_checksums
        {
            fs::rename(from, &path)?;
            failpoint!("outbox.renamed");
            self.path = Some(path);
        }
        self.priority = priority;
        set(&self.segment, PRIORITY_WORD, priority as u64);
        set(&self.segment, CREATED_WORD, now_ms);
        set(&self.segment, HEAD_WORD, HEADER as u64);
        Ok(())
    }
}
