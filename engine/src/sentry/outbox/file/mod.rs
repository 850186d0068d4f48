//! A queue file of an outbox: a memory-mapped file to which many threads append at once. Its records survive the death
//! of all of them.
//!
//! * [`mod@format`] the layout; [`records`] append, claim, evict, settle; [`recovery`] of a file of a dead process;
//!   [`reuse`] of a finished one.

mod format;
mod records;
mod recovery;
mod reuse;
#[cfg(test)]
mod tests;

use std::{io, path::PathBuf, sync::Arc};

use super::ownership::OutboxLock;
use crate::{
    failpoint::failpoint,
    sentry::protocol::category::Priority,
    shm::Segment,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
};
use format::{
    CREATED_WORD, FLAGS_WORD, HEAD_WORD, HEADER, MAGIC_WORD, NO_CHECKSUMS, PRIORITY_WORD, SEALED,
    SIZE_WORD, SLOT, padded,
};

pub(in crate::sentry) use format::MAGIC;
pub(super) use format::{MAX_DSN_LEN, RecordState};
pub use format::{Record, RecordInfo};
pub(super) use recovery::Recovered;

/// A queue file, or memory of this process in its place.
#[derive(Debug)]
pub(super) struct QueueFile {
    segment: Segment,
    /// `None`: it is memory of this process.
    path: Option<PathBuf>,
    pub(super) priority: Priority,
    has_checksums: bool,
    /// Slots are above this offset: below it may be data of its former use.
    slots_from: usize,
    /// The lock of the dead process that it was adopted from.
    pub(super) owner: Option<Arc<OutboxLock>>,
    /// Slots before this one were scanned by [`QueueFile::claim`].
    scanned: AtomicU32,
    /// No slot before this one holds an evictable record.
    first_evictable: AtomicU32,
    /// The number of settled records.
    settled: AtomicU32,
    /// No record is live: the file is removed when the evicted ones are reported.
    dead: AtomicBool,
    unlinked: AtomicBool,
}

impl QueueFile {
    /// The size of a file for one record of `record` bytes.
    pub(super) fn bytes_for(record: usize) -> usize {
        HEADER + SLOT + padded(record)
    }

    /// Creates a file, with checksums if it is `on_disk`; without a path, memory of this process.
    pub(super) fn create(
        path: Option<PathBuf>,
        priority: Priority,
        bytes: usize,
        now_ms: u64,
        on_disk: bool,
    ) -> io::Result<Self> {
        let segment = match &path {
            Some(path) => Segment::create(path, bytes)?,
            None => Segment::anonymous(bytes)?,
        };
        failpoint!("outbox.made");
        let has_checksums = path.is_some() && on_disk;
        // The magic last: a file without it is incomplete.
        for (index, value) in [
            (SIZE_WORD, bytes as u64),
            (PRIORITY_WORD, priority as u64),
            (CREATED_WORD, now_ms),
            (HEAD_WORD, HEADER as u64),
            (FLAGS_WORD, if has_checksums { 0 } else { NO_CHECKSUMS }),
            (MAGIC_WORD, MAGIC),
        ] {
            set(&segment, index, value);
        }
        Ok(Self::from_segment(segment, path, priority, None))
    }

    fn from_segment(
        segment: Segment,
        path: Option<PathBuf>,
        priority: Priority,
        owner: Option<Arc<OutboxLock>>,
    ) -> Self {
        let flags = segment
            .word(FLAGS_WORD)
            .map_or(0, |word| u64::from_le(word.load(Ordering::Relaxed)));
        Self {
            segment,
            path,
            priority,
            has_checksums: flags & NO_CHECKSUMS == 0,
            slots_from: HEADER,
            owner,
            scanned: AtomicU32::new(0),
            first_evictable: AtomicU32::new(0),
            settled: AtomicU32::new(0),
            dead: AtomicBool::new(false),
            unlinked: AtomicBool::new(false),
        }
    }

    /// Stops appends to the file.
    pub(super) fn seal(&self) {
        if let Some(head) = self.segment.word(HEAD_WORD) {
            head.fetch_or(SEALED.to_le(), Ordering::AcqRel);
        }
    }

    fn head(&self) -> u64 {
        self.segment
            .word(HEAD_WORD)
            .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
    }

    /// The number of reserved slots, limited by the size of the file because the header is untrusted.
    pub(super) fn slots(&self) -> u32 {
        let max = self.segment.bytes().saturating_sub(HEADER) / SLOT;
        let reserved = ((self.head() & !SEALED) >> 32) as u32;
        reserved.min(u32::try_from(max).unwrap_or(u32::MAX))
    }

    /// Marks the file as dead if no record is live.
    pub(super) fn mark_dead(&self) {
        let is_over = |index| matches!(self.state(index), RecordState::Evicted | RecordState::Done);
        let all = self.head() & SEALED != 0 && (0..self.slots()).all(is_over);
        self.dead.store(all, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// Whether every record is settled and no further one can be appended.
    pub(super) fn is_finished(&self) -> bool {
        self.head() & SEALED != 0 && self.is_drained()
    }

    /// Whether every record is settled at this moment.
    pub(super) fn is_drained(&self) -> bool {
        self.settled.load(Ordering::Acquire) >= self.slots()
    }

    /// The used part of its bytes, or of its slots if that is more, in percent.
    pub(super) fn fill_percent(&self) -> usize {
        let slots = self.bytes().saturating_sub(self.slots_from);
        let of_slots = self.slots() as usize * SLOT * 100 / slots.max(1);
        of_slots.max(self.used() * 100 / self.bytes().max(1))
    }

    fn used(&self) -> usize {
        self.data_end() + self.slots() as usize * SLOT
    }

    /// Where the data of its records end.
    fn data_end(&self) -> usize {
        (self.head() & 0xffff_ffff) as usize
    }

    pub(super) fn bytes(&self) -> usize {
        self.segment.bytes()
    }

    /// Syncs the file to disk.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self.path {
            Some(_) => self.segment.sync(),
            None => Ok(()),
        }
    }

    /// The number of records that are neither settled nor evicted.
    pub(super) fn waiting(&self) -> usize {
        let waits = |index: &u32| {
            matches!(
                self.state(*index),
                RecordState::Ready | RecordState::Claimed | RecordState::Deferred
            )
        };
        (0..self.slots()).filter(waits).count()
    }

    /// Whether it outlives the process.
    pub(super) fn is_file(&self) -> bool {
        self.path.is_some()
    }

    pub(super) fn is_unlinked(&self) -> bool {
        self.unlinked.load(Ordering::Relaxed)
    }

    /// Removes the file. Its mapping stays until the last reference is dropped.
    pub(super) fn unlink(&self) {
        self.unlinked.store(true, Ordering::Relaxed);
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
        failpoint!("outbox.unlinked");
        if let Some(owner) = &self.owner {
            owner.release_file();
        }
    }
}

/// Stores a word of the header.
fn set(segment: &Segment, index: usize, value: u64) {
    if let Some(word) = segment.word(index) {
        word.store(value.to_le(), Ordering::Release);
    }
}
