//! The table of counts: one segment of slots, of which each process writes its own. Any thread.

use std::{
    io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use crate::{
    host::clock,
    sentry::outbox::{Backlog, hash},
    shm::{Segment, owner_slots::OwnerSlots},
};

/// Prefix of the file's name.
const PREFIX: &str = "sentry-queues-v1-";
/// Processes that are counted by their slots.
pub(super) const MAX_SLOTS: usize = 511;
/// Words before the slots: whether a process has no slot; records and bytes of outboxes of dead processes.
pub(super) const OVERFLOW: usize = 0;
pub(super) const ORPHANED_RECORDS: usize = 1;
pub(super) const ORPHANED_BYTES: usize = 2;
/// Words of a slot after the hash of its name: records, bytes, the name of the outbox, the records that are in no file.
const SLOT_WORDS: usize = 8;
pub(super) const RECORDS: usize = 1;
pub(super) const BYTES: usize = 2;
pub(super) const NAME: usize = 3;
pub(super) const IN_MEMORY: usize = 7;
pub(super) const MAX_NAME_BYTES: usize = (IN_MEMORY - NAME) * 8;
pub(super) const SIZE: usize = (1 + MAX_SLOTS) * SLOT_WORDS * 8;
pub(super) const OWNER_SLOTS: OwnerSlots = OwnerSlots::new(SLOT_WORDS, MAX_SLOTS, SLOT_WORDS);

/// The counts of the host.
#[derive(Debug)]
pub(in crate::sentry) struct HostCounts {
    pub(super) segment: Segment,
    pub(super) path: PathBuf,
}

/// The slot of another process.
pub(in crate::sentry) struct OtherSlot {
    pub(super) slot: usize,
    pub(super) key: u64,
    /// The name of its outbox.
    pub(in crate::sentry) name: String,
    /// Its records.
    pub(in crate::sentry) records: u64,
}

impl HostCounts {
    /// Opens the counts in `run_dir` for reading. Returns `None` if no process has a slot there.
    ///
    /// # Errors
    /// The file is invalid, or can't be read.
    pub(in crate::sentry) fn read_only(run_dir: &Path) -> io::Result<Option<Self>> {
        let path = path_in(run_dir);
        let Some(segment) = Segment::read_only(&path)? else {
            return Ok(None);
        };
        segment.check_size(SIZE)?;
        Ok(Some(Self { segment, path }))
    }

    /// Whether other processes use this file still. One system call.
    pub(in crate::sentry) fn is_current(&self) -> bool {
        self.segment.is_current(&self.path)
    }

    /// Whether each record of a dead process is counted in its slot: no process has no slot, and no outbox could not be
    /// adopted.
    pub(in crate::sentry) fn are_complete(&self) -> bool {
        let mut words = [OVERFLOW, ORPHANED_RECORDS].iter();
        words.all(|word| self.head(*word) == Some(0))
    }

    /// The backlog of all processes, as their slots have it.
    pub(in crate::sentry) fn backlog(&self) -> Backlog {
        let used = (0..MAX_SLOTS).filter(|slot| OWNER_SLOTS.owner(&self.segment, *slot) != 0);
        used.fold(Backlog::default(), |sum, slot| {
            sum.and(Backlog {
                records: self.load(slot, RECORDS) as usize,
                bytes: self.load(slot, BYTES),
            })
        })
    }

    pub(super) fn head(&self, word: usize) -> Option<u64> {
        Some(self.segment.word(word)?.load(Ordering::Acquire))
    }

    pub(super) fn cell(&self, slot: usize, word: usize) -> Option<&AtomicU64> {
        OWNER_SLOTS.word(&self.segment, slot, word)
    }

    pub(super) fn load(&self, slot: usize, word: usize) -> u64 {
        let cell = self.cell(slot, word);
        cell.map_or(0, |cell| cell.load(Ordering::Acquire))
    }

    /// The slots of all processes.
    pub(in crate::sentry) fn slots(&self) -> impl Iterator<Item = OtherSlot> {
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

/// The file of the host in `run_dir`.
pub(super) fn path_in(run_dir: &Path) -> PathBuf {
    let boot = clock::boot_id().replace('-', "");
    let boot = boot.get(..12).unwrap_or("unknown");
    run_dir.join(format!("{PREFIX}{boot}.seg"))
}
