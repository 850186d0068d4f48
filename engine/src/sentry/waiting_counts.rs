//! The backlog of each process of the host in shared memory, so that a status page adds numbers instead of reading
//! files. One segment of slots in `run_dir`, of which each process writes its own. The process that adopts outboxes
//! frees the slots of dead processes and writes the backlog that could not be adopted beside the slots. Any thread.

use std::{
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
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
const MAX_NAME_BYTES: usize = (IN_MEMORY - NAME) * 8;
const SIZE: usize = (1 + MAX_SLOTS) * SLOT_WORDS * 8;
const OWNER_SLOTS: OwnerSlots = OwnerSlots::new(SLOT_WORDS, MAX_SLOTS, SLOT_WORDS);
/// The counts of the host, and the slot of this process.
#[derive(Debug)]
pub(super) struct WaitingCounts {
    segment: Segment,
    slot: usize,
}

/// The slot of another process.
pub(super) struct OtherSlot {
    slot: usize,
    key: u64,
    /// The name of its outbox.
    pub(super) name: String,
}

impl WaitingCounts {
    /// Takes a slot for the outbox `name`. Returns `None` if there is none: then files are counted instead.
    pub(super) fn open(run_dir: &Path, name: &str) -> Option<Self> {
        let boot = clock::boot_id().replace('-', "");
        let boot = boot.get(..12).unwrap_or("unknown");
        let path = run_dir.join(format!("{PREFIX}{boot}.seg"));
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
        let waiting_counts = Self { segment, slot };
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

    fn cell(&self, slot: usize, word: usize) -> Option<&AtomicU64> {
        OWNER_SLOTS.word(&self.segment, slot, word)
    }

    fn load(&self, slot: usize, word: usize) -> u64 {
        let cell = self.cell(slot, word);
        cell.map_or(0, |cell| cell.load(Ordering::Acquire))
    }

    fn store(&self, word: usize, value: u64) {
        if let Some(cell) = self.cell(self.slot, word) {
            cell.store(value, Ordering::Release);
        }
    }

    /// Publishes the number of records of this process, and how many of these are in no file.
    #[inline]
    pub(super) fn set_records(&self, records: usize, in_memory: usize) {
        self.store(RECORDS, records as u64);
        self.store(IN_MEMORY, in_memory as u64);
    }

    /// Publishes the bytes of the files of this process.
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.store(BYTES, bytes);
    }

    /// The backlog of all other processes. `None`: some have no slot.
    pub(super) fn others(&self) -> Option<Backlog> {
        let head = |word| Some(self.segment.word(word)?.load(Ordering::Acquire));
        if head(OVERFLOW)? != 0 {
            return None;
        }
        let orphaned = Backlog {
            records: head(ORPHANED_RECORDS)? as usize,
            bytes: head(ORPHANED_BYTES)?,
        };
        let is_used = |slot| OWNER_SLOTS.owner(&self.segment, slot) != 0;
        let others = (0..MAX_SLOTS).filter(|slot| *slot != self.slot && is_used(*slot));
        Some(others.fold(orphaned, |sum, slot| {
            sum.and(Backlog {
                records: self.load(slot, RECORDS) as usize,
                bytes: self.load(slot, BYTES),
            })
        }))
    }

    /// Publishes the backlog of outboxes that could not be adopted.
    pub(super) fn set_orphaned(&self, waiting: Backlog) {
        for (word, value) in [
            (ORPHANED_RECORDS, waiting.records as u64),
            (ORPHANED_BYTES, waiting.bytes),
        ] {
            if let Some(cell) = self.segment.word(word) {
                cell.store(value, Ordering::Release);
            }
        }
    }

    /// The slots of all other processes.
    pub(super) fn slots(&self) -> Vec<OtherSlot> {
        let others = (0..MAX_SLOTS).filter(|slot| *slot != self.slot);
        let read = |slot| {
            let key = OWNER_SLOTS.owner(&self.segment, slot);
            let words = (NAME..IN_MEMORY).flat_map(|word| self.load(slot, word).to_le_bytes());
            let bytes: Vec<u8> = words.take_while(|byte| *byte != 0).collect();
            // A slot that is being written has an incomplete name.
            let name = String::from_utf8(bytes).ok()?;
            let is_complete = key != 0 && hash(name.as_bytes()).max(1) == key;
            is_complete.then_some(OtherSlot { slot, key, name })
        };
        others.filter_map(read).collect()
    }

    /// Frees the slot of a dead process. Returns the number of records that were in no file of its outbox and are lost
    /// with it; 0 if another process has freed the slot, so that they are counted once.
    pub(super) fn free(&self, other: &OtherSlot) -> u64 {
        let in_memory = self.load(other.slot, IN_MEMORY);
        match OWNER_SLOTS.release(&self.segment, other.slot, other.key) {
            true => in_memory,
            false => 0,
        }
    }

    /// Publishes the last number of records and frees the slot of this process if it is 0. Else the slot stays until
    /// the outbox is adopted.
    pub(super) fn end(&self, records: usize, in_memory: usize) {
        self.set_records(records, in_memory);
        if records == 0 {
            self.store(OWNER, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn others_are_summed_and_freed_slots_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let one = WaitingCounts::open(dir.path(), "7-00000001").unwrap();
        let two = WaitingCounts::open(dir.path(), "8-00000002").unwrap();
        one.set_records(5, 3);
        one.set_bytes(4096);
        two.set_records(2, 0);
        assert_eq!(
            two.others(),
            Some(Backlog {
                records: 5,
                bytes: 4096
            })
        );
        assert_eq!(one.others().unwrap().records, 2);
        // The outbox of the first one is adopted.
        let slots = two.slots();
        assert_eq!((slots.len(), slots[0].name.as_str()), (1, "7-00000001"));
        let orphaned = Backlog {
            records: 1,
            bytes: 8,
        };
        two.set_orphaned(orphaned);
        assert_eq!(two.free(&slots[0]), 3, "lost with the first one");
        assert_eq!(two.free(&slots[0]), 0);
        assert_eq!(two.others(), Some(orphaned));
        two.end(0, 0);
        let three = WaitingCounts::open(dir.path(), "9-00000003").unwrap();
        assert!(three.slots().is_empty());
    }

    #[test]
    fn process_without_a_slot_invalidates_the_sum() {
        let dir = tempfile::tempdir().unwrap();
        let all: Vec<_> = (0..MAX_SLOTS)
            .map(|n| WaitingCounts::open(dir.path(), &format!("{n}-00000000")).unwrap())
            .collect();
        assert_eq!(all[0].slots().len(), MAX_SLOTS - 1);
        assert!(WaitingCounts::open(dir.path(), "one more").is_none());
        assert_eq!(all[0].others(), None);
    }
}
