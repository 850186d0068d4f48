//! How much waits in the outbox of each process of the host, so that a status page adds up words instead of reading
//! files. One segment of slots in `run_dir`; a process writes its own slot. Which process adopts outboxes clears the
//! slots of the dead, and writes what could not be adopted beside the slots. Any thread.

use std::{
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
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
/// Words before the slots: some process has no slot; records and bytes of outboxes without a living owner.
const OVERFLOW: usize = 0;
const ORPHANED_RECORDS: usize = 1;
const ORPHANED_BYTES: usize = 2;
/// Words of a slot, after the hash of its name: records, bytes, the name.
const SLOT_WORDS: usize = 8;
const RECORDS: usize = 1;
const BYTES: usize = 2;
const NAME: usize = 3;
const MAX_NAME_BYTES: usize = (SLOT_WORDS - NAME) * 8;
const SIZE: usize = (1 + MAX_SLOTS) * SLOT_WORDS * 8;
const OWNER_SLOTS: OwnerSlots = OwnerSlots::new(SLOT_WORDS, MAX_SLOTS, SLOT_WORDS);
/// How often the folder of dead letters is listed at most, however often it changes.
const LIST_INTERVAL: Duration = Duration::from_millis(10);

/// See the head of the file.
#[derive(Debug)]
pub(super) struct WaitingCounts {
    segment: Segment,
    slot: usize,
}

/// Another process' slot, and the outbox it stands for.
pub(super) struct OtherSlot {
    slot: usize,
    key: u64,
    pub(super) name: String,
}

impl WaitingCounts {
    /// A slot for the outbox of this name. `None`: none can be had, and what waits is counted in its files.
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
            // The sum of the slots is not all that waits from now on.
            if let Some(overflow) = segment.word(OVERFLOW) {
                overflow.store(1, Ordering::Release);
            }
            return None;
        };
        let waiting_counts = Self { segment, slot };
        for (at, part) in (NAME..SLOT_WORDS).zip(0..) {
            let mut word = [0; 8];
            for (to, from) in word.iter_mut().zip(bytes.iter().skip(part * 8)) {
                *to = *from;
            }
            waiting_counts.store(at, u64::from_le_bytes(word));
        }
        waiting_counts.store(RECORDS, 0);
        waiting_counts.store(BYTES, 0);
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

    /// Writes how many records of this process wait.
    #[inline]
    pub(super) fn set_records(&self, records: usize) {
        self.store(RECORDS, records as u64);
    }

    /// Writes how many bytes the files of this process have.
    pub(super) fn set_bytes(&self, bytes: u64) {
        self.store(BYTES, bytes);
    }

    /// What waits in all other processes. `None`: some have no slot.
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

    /// Writes what waits in outboxes that no process could adopt.
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

    /// All other slots that are taken.
    pub(super) fn slots(&self) -> Vec<OtherSlot> {
        let others = (0..MAX_SLOTS).filter(|slot| *slot != self.slot);
        let read = |slot| {
            let key = OWNER_SLOTS.owner(&self.segment, slot);
            let words = (NAME..SLOT_WORDS).flat_map(|word| self.load(slot, word).to_le_bytes());
            let bytes: Vec<u8> = words.take_while(|byte| *byte != 0).collect();
            // One that is just being written has another name.
            let name = String::from_utf8(bytes).ok()?;
            let is_whole = key != 0 && hash(name.as_bytes()).max(1) == key;
            is_whole.then_some(OtherSlot { slot, key, name })
        };
        others.filter_map(read).collect()
    }

    /// Frees the slot of a process whose outbox another one has now.
    pub(super) fn free(&self, other: &OtherSlot) {
        OWNER_SLOTS.release(&self.segment, other.slot, other.key);
    }

    /// Frees the own slot: nothing waits any more. Else it stays until the outbox is adopted.
    pub(super) fn end(&self, records: usize) {
        self.set_records(records);
        if records == 0 {
            self.store(OWNER, 0);
        }
    }
}

/// The number of files in a folder, listed anew when the folder has changed.
#[derive(Debug, Default)]
pub(super) struct CachedFileCount(Mutex<Option<(Instant, SystemTime, usize)>>);

impl CachedFileCount {
    /// The number, which `list` gives.
    pub(super) fn count(&self, dir: &Path, list: impl FnOnce() -> usize) -> usize {
        let Ok(changed) = dir.metadata().and_then(|found| found.modified()) else {
            return 0;
        };
        let mut last = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A change within the same tick of the clock of files leaves no mark: what was listed right after a change
        // is listed once more.
        let fresh = last.filter(|(at, seen, _)| {
            let settled = clock::abs_diff(SystemTime::now(), changed) > Duration::from_millis(100);
            at.elapsed() < LIST_INTERVAL || (*seen == changed && settled)
        });
        if let Some((_, _, count)) = fresh {
            return count;
        }
        let count = list();
        *last = Some((Instant::now(), changed, count));
        count
    }
}

#[cfg(test)]
mod tests;
