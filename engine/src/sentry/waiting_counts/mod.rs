//! The backlog of each process of the host in shared memory, so that a status page adds numbers instead of reading
//! files. One segment of slots in `run_dir`, of which each process writes its own. The process that adopts outboxes
//! frees the slots of dead processes and writes the backlog that could not be adopted beside the slots. Any thread.

mod host_counts;

use std::{
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::outbox::{Backlog, hash};
use crate::shm::{Opened, Segment, owner_slots::OWNER};
use host_counts::{
    BYTES, IN_MEMORY, MAX_NAME_BYTES, MAX_SLOTS, NAME, ORPHANED_BYTES, ORPHANED_RECORDS, OVERFLOW,
    OWNER_SLOTS, RECORDS, SIZE, path_in,
};

pub(super) use host_counts::{HostCounts, OtherSlot};

/// Counts of orphaned records, of which one is published before another process publishes its own.
const MAX_COUNTS: usize = 4;

/// The counts of the host, and the slot of this process.
#[derive(Debug)]
pub(super) struct WaitingCounts {
    host: HostCounts,
    slot: usize,
    /// Pushes that are under way.
    pushing: AtomicUsize,
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

#[cfg(test)]
mod tests;
