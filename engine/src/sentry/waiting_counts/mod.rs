//! The backlog of each process of the host in shared memory, so that a status page adds numbers instead of reading
//! files. One segment of slots in `run_dir`, of which each process writes its own. The process that adopts outboxes
//! frees the slots of dead processes and writes the backlog that could not be adopted beside the slots. Any thread.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, AtomicUsize, Ordering},
};

use super::outbox::{Backlog, hash};
use crate::{
    host::clock,
    shm::{
        Opened, Segment,
        owner_slots::{OWNER, OwnerSlots},
    },
};

/// Prefix of the file's name.
const PREFIX: &str = "sentry-queues-v1-";
/// Processes that are counted by their slots.
const MAX_SLOTS: usize = 511;
/// Words before the slots: whether a process has no slot; records and bytes of outboxes of dead processes.
const OVERFLOW: usize = 0;
const ORPHANED_RECORDS: usize = 1;
const ORPHANED_BYTES: usize = 2;
/// Words of a slot after the hash of its name: records, bytes, the name of the outbox, the records that are in no file.
const SLOT_WORDS: usize = 8;
const RECORDS: usize = 1;
const BYTES: usize = 2;
const NAME: usize = 3;
const IN_MEMORY: usize = 7;
/// Counts of orphaned records, of which one is published before another process publishes its own.
const MAX_COUNTS: usize = 4;
const MAX_NAME_BYTES: usize = (IN_MEMORY - NAME) * 8;
const SIZE: usize = (1 + MAX_SLOTS) * SLOT_WORDS * 8;
const OWNER_SLOTS: OwnerSlots = OwnerSlots::new(SLOT_WORDS, MAX_SLOTS, SLOT_WORDS);

/// The counts of the host.
#[derive(Debug)]
pub(super) struct HostCounts {
    segment: Segment,
    path: PathBuf,
}

/// The counts of the host, and the slot of this process.
#[derive(Debug)]
pub(super) struct WaitingCounts {
    host: HostCounts,
    slot: usize,
    /// Pushes that are under way.
    pushing: AtomicUsize,
}

/// The slot of another process.
pub(super) struct OtherSlot {
    slot: usize,
    key: u64,
    /// The name of its outbox.
    pub(super) name: String,
    /// Its records.
    pub(super) records: u64,
}

impl HostCounts {
    /// Opens the counts in `run_dir` for reading. Returns `None` if no process has a slot there.
    ///
    /// # Errors
    /// The file is invalid, or can't be read.
    pub(super) fn read_only(run_dir: &Path) -> io::Result<Option<Self>> {
        let path = path_in(run_dir);
        let Some(segment) = Segment::read_only(&path)? else {
            return Ok(None);
        };
        segment.check_size(SIZE)?;
        Ok(Some(Self { segment, path }))
    }

    /// Whether other processes use this file still. One system call.
    pub(super) fn is_current(&self) -> bool {
        self.segment.is_current(&self.path)
    }

    /// Whether each record of a dead process is counted in its slot: no process has no slot, and no outbox could not be
    /// adopted.
    pub(super) fn are_complete(&self) -> bool {
        let mut words = [OVERFLOW, ORPHANED_RECORDS].iter();
        words.all(|word| self.head(*word) == Some(0))
    }

    fn head(&self, word: usize) -> Option<u64> {
        Some(self.segment.word(word)?.load(Ordering::Acquire))
    }

    fn cell(&self, slot: usize, word: usize) -> Option<&AtomicU64> {
        OWNER_SLOTS.word(&self.segment, slot, word)
    }

    fn load(&self, slot: usize, word: usize) -> u64 {
        let cell = self.cell(slot, word);
        cell.map_or(0, |cell| cell.load(Ordering::Acquire))
    }

    /// The slots of all processes.
    pub(super) fn slots(&self) -> impl Iterator<Item = OtherSlot> {
        (0..MAX_SLOTS).filter_map(|slot| {
            let key = OWNER_SLOTS.owner(&self.segment, slot);
            if key == 0 {
                return None;
            }
            let words = (NAME..IN_MEMORY).flat_map(|word| self.load(slot, word).to_le_bytes());
            let bytes: Vec<u8> = words.take_while(|byte| *byte != 0).collect();
            // A slot that is being written has an incomplete name.
            let name = String::from_utf8(bytes).ok()?;
            (hash(name.as_bytes()).max(1) == key).then(|| OtherSlot {
                slot,
                key,
                name,
                records: self.load(slot, RECORDS),
            })
        })
    }
}

impl WaitingCounts {
    /// Takes a slot for the outbox `name`. Returns `None` if there is none: then files are counted instead.
    pub(super) fn open(run_dir: &Path, name: &str) -> Option<Self> {
        let path = path_in(run_dir);
        let opened = Segment::open_or_create(&path, SIZE, |_| {});
        let segment = opened.map(Opened::into_segment).ok()?;
        let bytes = name.as_bytes();
        if bytes.len() > MAX_NAME_BYTES {
            return None;
        }
        let key = hash(bytes).max(1);
        let Some(slot) = OWNER_SLOTS.claim(&segment, key as usize % MAX_SLOTS, key) else {
            // From now on the sum of the slots is not the whole backlog.
            if let Some(overflow) = segment.word(OVERFLOW) {
                overflow.store(1, Ordering::Release);
            }
            return None;
        };
        let waiting_counts = Self {
            host: HostCounts { segment, path },
            slot,
            pushing: AtomicUsize::new(0),
        };
        // The name comes last: without a complete name, a slot stands for no outbox yet.
        for word in [RECORDS, BYTES, IN_MEMORY] {
            waiting_counts.store(word, 0);
        }
        for (at, part) in (NAME..IN_MEMORY).zip(0..) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(bytes.iter().skip(part * 8)) {
                *to = *from;
            }
            waiting_counts.store(at, u64::from_le_bytes(word));
        }
        Some(waiting_counts)
    }

    fn store(&self, word: usize, value: u64) {
        if let Some(cell) = self.host.cell(self.slot, word) {
            cell.store(value, Ordering::Release);
        }
    }

    /// Publishes the number of records of this process, pushes under way included, and how many of these are in no
    /// file. Counted again if another thread publishes meanwhile.
    #[inline]
    pub(super) fn set_records(&self, records: impl Fn() -> usize, in_memory: usize) {
        self.store(IN_MEMORY, in_memory as u64);
        let Some(cell) = self.host.cell(self.slot, RECORDS) else {
            return;
        };
        let mut seen = cell.load(Ordering::SeqCst);
        loop {
            let now = (records() + self.pushing.load(Ordering::SeqCst)) as u64;
            match cell.compare_exchange(seen, now, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// Runs a push. It counts as a record from its start: a process that is killed during it leaves no count of 0.
    #[inline]
    pub(super) fn while_pushing<T>(&self, push: impl FnOnce() -> T) -> T {
        self.pushing.fetch_add(1, Ordering::SeqCst);
        if let Some(cell) = self.host.cell(self.slot, RECORDS) {
            cell.fetch_add(1, Ordering::SeqCst);
        }
        let pushed = push();
        self.pushing.fetch_sub(1, Ordering::SeqCst);
        pushed
    }

    /// Publishes the bytes of the files of this process.
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.store(BYTES, bytes);
    }

    /// The backlog of all other processes. `None`: some have no slot.
    pub(super) fn others(&self) -> Option<Backlog> {
        let host = &self.host;
        if host.head(OVERFLOW)? != 0 {
            return None;
        }
        let orphaned = Backlog {
            records: host.head(ORPHANED_RECORDS)? as usize,
            bytes: host.head(ORPHANED_BYTES)?,
        };
        let is_used = |slot| OWNER_SLOTS.owner(&host.segment, slot) != 0;
        let others = (0..MAX_SLOTS).filter(|slot| *slot != self.slot && is_used(*slot));
        Some(others.fold(orphaned, |sum, slot| {
            sum.and(Backlog {
                records: host.load(slot, RECORDS) as usize,
                bytes: host.load(slot, BYTES),
            })
        }))
    }

    /// Publishes the backlog of outboxes that could not be adopted. Counted again if another process publishes
    /// meanwhile, whose count may be older.
    pub(super) fn set_orphaned(&self, count: impl Fn() -> Backlog) {
        let cell = |word| self.host.segment.word(word);
        let (Some(records), Some(bytes)) = (cell(ORPHANED_RECORDS), cell(ORPHANED_BYTES)) else {
            return;
        };
        let mut seen = records.load(Ordering::SeqCst);
        for _ in 0..MAX_COUNTS {
            let waiting = count();
            let now = waiting.records as u64;
            match records.compare_exchange(seen, now, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return bytes.store(waiting.bytes, Ordering::Release),
                Err(other) => seen = other,
            }
        }
    }

    /// The slots of all other processes.
    pub(super) fn slots(&self) -> Vec<OtherSlot> {
        let slots = self.host.slots();
        slots.filter(|other| other.slot != self.slot).collect()
    }

    /// Frees the slot of a dead process. Returns the number of records that were in no file of its outbox and are lost
    /// with it; 0 if another process has freed the slot, so that they are counted once.
    pub(super) fn free(&self, other: &OtherSlot) -> u64 {
        let in_memory = self.host.load(other.slot, IN_MEMORY);
        match OWNER_SLOTS.release(&self.host.segment, other.slot, other.key) {
            true => in_memory,
            false => 0,
        }
    }

    /// Publishes the last number of records and frees the slot of this process if it is 0. Else the slot stays until
    /// the outbox is adopted.
    pub(super) fn end(&self, records: usize, in_memory: usize) {
        self.set_records(|| records, in_memory);
        if records == 0 {
            self.store(OWNER, 0);
        }
    }
}

/// The file of the host in `run_dir`.
fn path_in(run_dir: &Path) -> PathBuf {
    let boot = clock::boot_id().replace('-', "");
    let boot = boot.get(..12).unwrap_or("unknown");
    run_dir.join(format!("{PREFIX}{boot}.seg"))
}

#[cfg(test)]
mod tests;
