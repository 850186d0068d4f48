//! How much waits in the outbox of each process of the host, so that a status page adds up words instead of reading
//! files. One segment of slots in `run_dir`; a process writes its own slot. Which process adopts outboxes clears the
//! slots of the dead, and writes what could not be adopted beside the slots. Any thread.

use std::{
    io,
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant, SystemTime},
};

use super::outbox::{Backlog, hash};
use crate::host::{Segment, clock, files};

/// How the name of the segment begins, and how that of one that is being made ends.
const PREFIX: &str = "sentry-queues-v1-";
const TEMP_SUFFIX: &str = ".tmp";
/// Making takes a moment; whose file is older died over it.
const STALE_TEMP_AGE: Duration = Duration::from_secs(60);
/// Processes that are counted by their slots.
const MAX_SLOTS: usize = 511;
/// Words before the slots: some process has no slot; records and bytes of outboxes without a living owner.
const OVERFLOW: usize = 0;
const ORPHANED_RECORDS: usize = 1;
const ORPHANED_BYTES: usize = 2;
/// Words of a slot: hash of its name (0: free), records, bytes, the name.
const SLOT_WORDS: usize = 8;
const KEY: usize = 0;
const RECORDS: usize = 1;
const BYTES: usize = 2;
const NAME: usize = 3;
const MAX_NAME_BYTES: usize = (SLOT_WORDS - NAME) * 8;
const SIZE: usize = (1 + MAX_SLOTS) * SLOT_WORDS * 8;
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

/// Removes what processes left in `run_dir` that died while they made the segment.
pub(super) fn sweep(run_dir: &Path, now: SystemTime) {
    files::sweep(run_dir, now, STALE_TEMP_AGE, |name| {
        name.starts_with(PREFIX) && name.ends_with(TEMP_SUFFIX)
    });
}

impl WaitingCounts {
    /// A slot for the outbox of this name. `None`: none can be had, and what waits is counted in its files.
    pub(super) fn open(run_dir: &Path, name: &str) -> Option<Self> {
        let segment = segment(run_dir).ok()?;
        let bytes = name.as_bytes();
        if bytes.len() > MAX_NAME_BYTES {
            return None;
        }
        let key = hash(bytes).max(1);
        let first = key as usize % MAX_SLOTS;
        let slot = (first..MAX_SLOTS).chain(0..first).find(|slot| {
            let cell = segment.word((1 + slot) * SLOT_WORDS + KEY);
            cell.is_some_and(|cell| {
                let claimed = cell.compare_exchange(0, key, Ordering::AcqRel, Ordering::Acquire);
                claimed.is_ok()
            })
        });
        let Some(slot) = slot else {
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
        self.segment.word((1 + slot) * SLOT_WORDS + word)
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
        let others = (0..MAX_SLOTS).filter(|slot| *slot != self.slot && self.load(*slot, KEY) != 0);
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
            let key = self.load(slot, KEY);
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
        if let Some(cell) = self.cell(other.slot, KEY) {
            let _ = cell.compare_exchange(other.key, 0, Ordering::AcqRel, Ordering::Acquire);
        }
    }

    /// Frees the own slot: nothing waits any more. Else it stays until the outbox is adopted.
    pub(super) fn end(&self, records: usize) {
        self.set_records(records);
        if records == 0 {
            self.store(KEY, 0);
        }
    }
}

/// The segment of the host, made where there is none.
fn segment(dir: &Path) -> io::Result<Segment> {
    let boot = clock::boot_id().replace('-', "");
    let boot = boot.get(..12).unwrap_or("unknown");
    let path = dir.join(format!("{PREFIX}{boot}.seg"));
    // Made under a name of its own and linked, so that none is mapped half made.
    for _ in 0..4 {
        match Segment::open(&path)? {
            Some(segment) if segment.bytes() == SIZE => return Ok(segment),
            Some(_) => break,
            None => {}
        }
        let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
        let temporary = dir.join(format!("{PREFIX}{random:016x}{TEMP_SUFFIX}"));
        Segment::create(&temporary, SIZE)?;
        let linked = std::fs::hard_link(&temporary, &path);
        let _ = std::fs::remove_file(&temporary);
        if let Err(error) = linked
            && error.kind() != io::ErrorKind::AlreadyExists
        {
            return Err(error);
        }
    }
    Err(io::ErrorKind::InvalidData.into())
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
            let settled = clock::apart(SystemTime::now(), changed) > Duration::from_millis(100);
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
