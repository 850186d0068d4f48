//! One file of an outbox: records that many threads append at once, and that survive the death of all
//! of them. Format 1, little-endian, words of 8 bytes:
//!
//! * header: magic, size, class, time of making, head, three of zero;
//! * data from byte 64 upwards: DSN and envelope of each record, padded to 8;
//! * slots of 32 bytes from the end downwards: state (with the tries that failed, and a tag of the project),
//!   place, origin, checksum.
//!
//! A writer reserves slot and space with one compare-and-swap of the head, copies, and publishes with one
//! store of the state. The slot's place in the file does not depend on what other writers do, so one that
//! dies half-way leaves an empty slot and nothing else. PHP's threads append; the runtime reads.

use std::{
    fs::Metadata,
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use super::ownership::OutboxLock;
use crate::{
    failpoint::{FailPoint, reach},
    sentry::protocol::category::Priority,
    shm::{Segment, checksum},
    sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
};

/// What a file of format 1 begins with.
pub(in crate::sentry) const MAGIC: u64 = u64::from_le_bytes(*b"PLNBOX01");
const HEADER: usize = 64;
const SLOT: usize = 32;
const HEAD: usize = 4;
const SEALED: u64 = 1 << 63;
/// Where the tag of the project is in a slot's state.
const PROJECT_SHIFT: u32 = 40;
/// DSNs that are longer are refused before they come here.
pub(super) const MAX_DSN_LEN: usize = u16::MAX as usize;

/// Where a record stands; the number in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum RecordState {
    /// Reserved; its writer copies, or died.
    Empty = 0,
    /// Whole, and nobody's.
    Ready = 1,
    /// On its way. Its sender's death makes it ready.
    Claimed = 2,
    /// Dropped, and not yet reported.
    Evicted = 3,
    /// Nothing to be done any more.
    Done = 4,
    /// Waits for its project to be reached again: may be dropped, and nobody takes it by its turn.
    Deferred = 5,
}

impl RecordState {
    fn of(word: u64) -> Self {
        match word & 0xff {
            0 => Self::Empty,
            1 => Self::Ready,
            2 => Self::Claimed,
            3 => Self::Evicted,
            5 => Self::Deferred,
            _ => Self::Done,
        }
    }
}

/// A record, copied out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it goes; empty: its own header tells.
    pub dsn: Vec<u8>,
    /// The envelope as PHP gave it.
    pub envelope: Vec<u8>,
    /// When it was accepted, in milliseconds since 1970.
    pub accepted_ms: u64,
    /// Tries that failed.
    pub attempts: u32,
}

/// What was known of a record before it came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordInfo {
    /// When it was accepted, in milliseconds since 1970.
    pub accepted_ms: u64,
    /// Tries that failed.
    pub attempts: u32,
    /// Tells its project from others, in 24 bits; 0 is one like any other.
    pub project: u32,
}

impl From<u64> for RecordInfo {
    /// A new record, accepted at that time.
    fn from(accepted_ms: u64) -> Self {
        Self {
            accepted_ms,
            attempts: 0,
            project: 0,
        }
    }
}

/// See the head of the file.
#[derive(Debug)]
pub(super) struct QueueFile {
    segment: Segment,
    path: Option<PathBuf>,
    pub(super) priority: Priority,
    pub(super) owner: Option<Arc<OutboxLock>>,
    /// All slots before this one were looked at by [`QueueFile::claim`].
    scanned: AtomicU32,
    /// No slot before this one holds what may be dropped.
    first_evictable: AtomicU32,
    settled: AtomicU32,
    /// Nothing in it waits any more: it goes when what was dropped is reported.
    dead: AtomicBool,
}

impl QueueFile {
    /// The bytes that a file needs for one such record.
    pub(super) fn bytes_for(record: usize) -> usize {
        HEADER + SLOT + padded(record)
    }

    /// Makes one; without a path in memory of this process alone.
    pub(super) fn create(
        path: Option<PathBuf>,
        priority: Priority,
        bytes: usize,
        now_ms: u64,
    ) -> io::Result<Self> {
        let segment = match &path {
            Some(path) => Segment::create(path, bytes)?,
            None => Segment::anonymous(bytes)?,
        };
        reach(FailPoint::OutboxMade);
        for (index, value) in [
            (1, bytes as u64),
            (2, priority as u64),
            (3, now_ms),
            (HEAD, HEADER as u64),
            (0, MAGIC),
        ] {
            if let Some(word) = segment.word(index) {
                word.store(value.to_le(), Ordering::Release);
            }
        }
        Ok(Self::from_segment(segment, path, priority, None))
    }

    /// Opens what a dead process left. `Ok(None)`: it is gone, or was never finished being made.
    pub(super) fn adopt(path: &Path, owner: Arc<OutboxLock>) -> io::Result<Option<Self>> {
        // Its maker may have died before it had its size.
        let is_half = |found: Metadata| {
            found.is_file() && (found.len() == 0 || !found.len().is_multiple_of(8))
        };
        if path.symlink_metadata().is_ok_and(is_half) {
            return Ok(None);
        }
        let Some(segment) = Segment::open(path)? else {
            return Ok(None);
        };
        let word = |index| {
            segment
                .word(index)
                .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
        };
        let priority = Priority::from_number(word(2));
        let whole = word(0) == MAGIC && word(1) == segment.bytes() as u64;
        let Some(priority) = priority.filter(|_| whole) else {
            return Ok(None);
        };
        Ok(Some(Self::from_segment(
            segment,
            Some(path.to_owned()),
            priority,
            Some(owner),
        )))
    }

    fn from_segment(
        segment: Segment,
        path: Option<PathBuf>,
        priority: Priority,
        owner: Option<Arc<OutboxLock>>,
    ) -> Self {
        Self {
            segment,
            path,
            priority,
            owner,
            scanned: AtomicU32::new(0),
            first_evictable: AtomicU32::new(0),
            settled: AtomicU32::new(0),
            dead: AtomicBool::new(false),
        }
    }

    /// Appends a record. `None`: it has no room, or is sealed.
    #[inline]
    pub(super) fn push(
        &self,
        dsn: &[u8],
        envelope: &[u8],
        stamp: impl Into<RecordInfo>,
    ) -> Option<u32> {
        let stamp = stamp.into();
        let length = dsn.len() + envelope.len();
        let (index, offset) = self.reserve(padded(length))?;
        reach(FailPoint::OutboxReserved);
        // SAFETY: `reserve` gave these bytes to this call alone, inside of the mapping and below the
        // slots; nobody reads them before the state says that they are there.
        unsafe {
            let place = self.segment.base().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(dsn.as_ptr(), place, dsn.len());
            std::ptr::copy_nonoverlapping(envelope.as_ptr(), place.add(dsn.len()), envelope.len());
        }
        let place = (offset as u64) << 32 | length as u64;
        let origin = (dsn.len() as u64) << 48 | stamp.accepted_ms & 0xffff_ffff_ffff;
        let state = u64::from(stamp.project) << PROJECT_SHIFT
            | u64::from(stamp.attempts) << 8
            | RecordState::Ready as u64;
        self.slot(index, 1)?.store(place.to_le(), Ordering::Relaxed);
        self.slot(index, 2)?
            .store(origin.to_le(), Ordering::Relaxed);
        self.slot(index, 3)?
            .store(checksum::of_parts(dsn, envelope).to_le(), Ordering::Relaxed);
        reach(FailPoint::OutboxCopied);
        self.slot(index, 0)?.store(state.to_le(), Ordering::Release);
        reach(FailPoint::OutboxCommitted);
        Some(index)
    }

    /// A slot and the offset of its bytes.
    #[inline]
    fn reserve(&self, bytes: usize) -> Option<(u32, usize)> {
        let head = self.segment.word(HEAD)?;
        let mut seen = head.load(Ordering::Relaxed);
        loop {
            let value = u64::from_le(seen);
            let (slots, end) = ((value >> 32) as u32, (value & 0xffff_ffff) as usize);
            let next = end.checked_add(bytes)?;
            let floor = self
                .segment
                .bytes()
                .checked_sub((slots as usize + 1).checked_mul(SLOT)?)?;
            if value & SEALED != 0 || next > floor {
                return None;
            }
            let moved = (u64::from(slots) + 1) << 32 | next as u64;
            match head.compare_exchange_weak(
                seen,
                moved.to_le(),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some((slots, end)),
                Err(now) => seen = now,
            }
        }
    }

    /// From now on nothing is appended.
    pub(super) fn seal(&self) {
        if let Some(head) = self.segment.word(HEAD) {
            head.fetch_or(SEALED.to_le(), Ordering::AcqRel);
        }
    }

    fn head(&self) -> u64 {
        self.segment
            .word(HEAD)
            .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
    }

    /// How many slots are reserved; bounded by what the file has room for, whatever its header says.
    pub(super) fn slots(&self) -> u32 {
        let most = self.segment.bytes().saturating_sub(HEADER) / SLOT;
        let said = ((self.head() & !SEALED) >> 32) as u32;
        said.min(u32::try_from(most).unwrap_or(u32::MAX))
    }

    #[inline]
    fn slot(&self, index: u32, word: usize) -> Option<&AtomicU64> {
        let from_end = (index as usize + 1).checked_mul(SLOT)?;
        let at = self.segment.bytes().checked_sub(from_end)? / 8;
        self.segment.word(at + word)
    }

    fn value(&self, index: u32, word: usize) -> u64 {
        self.slot(index, word)
            .map_or(0, |word| u64::from_le(word.load(Ordering::Acquire)))
    }

    /// Where a record stands.
    pub(super) fn state(&self, index: u32) -> RecordState {
        RecordState::of(self.value(index, 0))
    }

    /// The oldest record that is ready is on its way from now on. In the order of arrival; one whose
    /// writer is still copying is passed over and found later.
    pub(super) fn claim(&self) -> Option<u32> {
        let slots = self.slots();
        let first = self.scanned.load(Ordering::Acquire);
        let mut gapless = true;
        for index in first..slots {
            let word = self.slot(index, 0)?;
            let seen = word.load(Ordering::Acquire);
            let state = RecordState::of(u64::from_le(seen));
            let taken =
                state == RecordState::Ready && self.change(index, state, RecordState::Claimed);
            gapless &= taken || !matches!(state, RecordState::Empty | RecordState::Ready);
            if gapless {
                self.scanned.fetch_max(index + 1, Ordering::AcqRel);
            }
            if taken {
                return Some(index);
            }
        }
        None
    }

    /// Drops the oldest record of that project that nobody is sending. By one thread at a time,
    /// [`QueueFile::defer`] included.
    pub(super) fn evict_oldest(&self, project: u32) -> Option<u32> {
        let first = self.first_evictable.load(Ordering::Acquire);
        let (mut gapless, mut next, mut found) = (true, first, None);
        for index in first..self.slots() {
            let dropped = self.project(index) == project && self.evict(index);
            // One that is on its way comes back with `hold`, which says so.
            gapless &= dropped
                || matches!(
                    self.state(index),
                    RecordState::Claimed | RecordState::Evicted | RecordState::Done
                );
            if gapless {
                next = index + 1;
            }
            if dropped {
                found = Some(index);
                break;
            }
        }
        let _ =
            self.first_evictable
                .compare_exchange(first, next, Ordering::AcqRel, Ordering::Relaxed);
        found
    }

    /// Drops a record that nobody is sending. `false`: it is on its way, or nothing.
    pub(super) fn evict(&self, index: u32) -> bool {
        [RecordState::Ready, RecordState::Deferred]
            .into_iter()
            .any(|state| self.change(index, state, RecordState::Evicted))
    }

    /// What tells the project of a record.
    pub(super) fn project(&self, index: u32) -> u32 {
        (self.value(index, 0) >> PROJECT_SHIFT) as u32
    }

    /// The bytes that a record takes in a file, slot and all.
    pub(super) fn record_bytes(&self, index: u32) -> usize {
        let length = (self.value(index, 1) & 0xffff_ffff) as usize;
        SLOT + padded(length.min(self.segment.bytes()))
    }

    /// Nothing in it waits any more, if that is so.
    pub(super) fn mark_dead(&self) {
        let is_over = |index| matches!(self.state(index), RecordState::Evicted | RecordState::Done);
        let all = self.head() & SEALED != 0 && (0..self.slots()).all(is_over);
        self.dead.store(all, Ordering::Relaxed);
    }

    pub(super) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// One that was on its way waits, and may be dropped meanwhile.
    pub(super) fn defer(&self, index: u32) {
        self.change(index, RecordState::Claimed, RecordState::Deferred);
        self.first_evictable.fetch_min(index, Ordering::AcqRel);
    }

    /// One that waits is on its way again. `false`: it was dropped.
    pub(super) fn resume(&self, index: u32) -> bool {
        self.change(index, RecordState::Deferred, RecordState::Claimed)
    }

    /// From one state to another, the tries that failed kept. `false`: it stood elsewhere.
    fn change(&self, index: u32, from: RecordState, to: RecordState) -> bool {
        let Some(word) = self.slot(index, 0) else {
            return false;
        };
        let seen = word.load(Ordering::Acquire);
        let value = u64::from_le(seen);
        let changed = value & !0xff | to as u64;
        RecordState::of(value) == from
            && word
                .compare_exchange(seen, changed.to_le(), Ordering::AcqRel, Ordering::Relaxed)
                .is_ok()
    }

    /// Copies a record out. `None`: it is torn.
    pub(super) fn read(&self, index: u32) -> Option<Record> {
        let (place, origin) = (self.value(index, 1), self.value(index, 2));
        let (offset, length) = ((place >> 32) as usize, (place & 0xffff_ffff) as usize);
        let dsn_length = (origin >> 48) as usize;
        let end = offset.checked_add(length)?;
        if offset < HEADER || end > self.segment.bytes() || dsn_length > length {
            return None;
        }
        let mut dsn = vec![0; length];
        // SAFETY: the range was just checked against the mapping. Writers are done with a published
        // record; bytes of another process' making are copied before anybody looks at them.
        unsafe {
            let from = self.segment.base().as_ptr().add(offset);
            std::ptr::copy_nonoverlapping(from, dsn.as_mut_ptr(), length);
        }
        let envelope = dsn.split_off(dsn_length);
        (checksum::of_parts(&dsn, &envelope) == self.value(index, 3)).then(|| Record {
            dsn,
            envelope,
            accepted_ms: origin & 0xffff_ffff_ffff,
            attempts: (self.value(index, 0) >> 8) as u32,
        })
    }

    /// Notes a try that failed; whoever adopts it goes on counting.
    pub(super) fn count_attempt(&self, index: u32) {
        if let Some(word) = self.slot(index, 0) {
            // The runtime that has taken it is the only one that changes its state.
            // A file of another process' making may hold any number.
            let value = u64::from_le(word.load(Ordering::Acquire)).wrapping_add(1 << 8);
            word.store(value.to_le(), Ordering::Release);
        }
    }

    /// Nothing more is to be done for a record.
    pub(super) fn settle(&self, index: u32) {
        if let Some(word) = self.slot(index, 0) {
            let before = word.swap((RecordState::Done as u64).to_le(), Ordering::AcqRel);
            if RecordState::of(u64::from_le(before)) != RecordState::Done {
                self.settled.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Makes a dead process' file ours: what was on its way is ready again. Returns how many records are
    /// ready, those that were dropped and not reported, and how many their writers never finished.
    pub(super) fn recover(&self) -> (usize, Vec<u32>, usize) {
        self.seal();
        let (mut ready, mut evicted, mut torn) = (0, Vec::new(), 0);
        for index in 0..self.slots() {
            let Some(word) = self.slot(index, 0) else {
                break;
            };
            let value = u64::from_le(word.load(Ordering::Acquire));
            match RecordState::of(value) {
                RecordState::Ready => ready += 1,
                RecordState::Claimed | RecordState::Deferred => {
                    let value = value & !0xff | RecordState::Ready as u64;
                    word.store(value.to_le(), Ordering::Release);
                    ready += 1;
                }
                RecordState::Evicted => evicted.push(index),
                RecordState::Empty => {
                    torn += 1;
                    self.settle(index);
                }
                RecordState::Done => {
                    self.settled.fetch_add(1, Ordering::AcqRel);
                }
            }
        }
        (ready, evicted, torn)
    }

    /// Whether every record is settled, and none can come any more.
    pub(super) fn is_finished(&self) -> bool {
        self.head() & SEALED != 0 && self.settled.load(Ordering::Acquire) >= self.slots()
    }

    /// Whether every record is settled at this moment.
    pub(super) fn is_drained(&self) -> bool {
        self.settled.load(Ordering::Acquire) >= self.slots()
    }

    /// How many of its bytes are used, in percent.
    pub(super) fn fill_percent(&self) -> usize {
        let used = (self.head() & 0xffff_ffff) as usize + self.slots() as usize * SLOT;
        used * 100 / self.segment.bytes().max(1)
    }

    pub(super) fn bytes(&self) -> usize {
        self.segment.bytes()
    }

    /// Has the disk hold what it has.
    pub(super) fn sync(&self) -> io::Result<()> {
        match self.path {
            Some(_) => self.segment.sync(),
            None => Ok(()),
        }
    }

    /// How many of its records are neither settled nor dropped.
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

    /// Takes the file away; the memory stays until nobody can be looking at it.
    pub(super) fn unlink(&self) {
        if let Some(path) = &self.path {
            let _ = std::fs::remove_file(path);
        }
        reach(FailPoint::OutboxUnlinked);
        if let Some(owner) = &self.owner {
            owner.release_file();
        }
    }
}

fn padded(bytes: usize) -> usize {
    bytes.div_ceil(8) * 8
}

#[cfg(test)]
// The loom crate compiles this file under another parent.
#[path = "file/tests.rs"]
mod tests;
