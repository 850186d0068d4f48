//! All workers of the host, seen from any of them: one segment with a slot for each PHP thread that serves
//! requests. A slot belongs to the thread that took it, which alone stores into it; readers take no lock. It
//! names the presence of its process, by which everybody knows whether it is_alive. What dies anywhere in between
//! is cleared by whoever looks next: a slot is taken by one atomic step that names its owner, is shown by another
//! one when it is filled, and nothing else has to be whole.
//!
//! Layout of `workers-v1.seg`, words of eight bytes in little-endian order: slots of 32 words. Word 0: the
//! owner, 0 for nobody; word 1: the owner again, once the slot is filled; word 2: counts the takings; the others
//! are those of [`WorkerField`]. The name has the version, and the file's size its capacity.

use std::{
    io,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering, fence},
    },
};

use crate::{
    host::fork,
    shm::{
        Opened, Segment,
        owner_slots::{OWNER, OwnerSlots},
        word,
    },
};

/// Threads that one host can show; of further ones only the others know nothing.
const MAX_WORKERS: usize = 1024;
/// Words of a slot.
const SLOT_WORDS: usize = 32;
const PUBLISHED_WORD: usize = 1;
const GENERATION_WORD: usize = 2;
/// The first of [`WorkerField`].
const FIELDS_START: usize = 3;

/// What a slot tells, in the order of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum WorkerField {
    /// The thread's number, as the system has it.
    Thread,
    /// When it took the slot, in milliseconds since 1970.
    RegisteredMs,
    /// The runtime: [`super::Mode::number`].
    Mode,
    /// When its request began, in milliseconds since 1970; 0 between two.
    RequestStartedMs,
    /// When the last one ended.
    RequestEndedMs,
    /// Requests that have ended on the thread.
    Requests,
    /// Microseconds of the last one.
    LastDurationUs,
    /// Microseconds that half of its process's requests did not exceed, lately.
    P50Us,
    /// And 99 of 100.
    P99Us,
    /// Bytes of PHP's memory.
    Memory,
    /// The most of it.
    PeakMemory,
    /// What it was when the request began.
    BaselineMemory,
    /// How often PHP has started anew in the process.
    Restarts,
    /// Things that the last request which was looked at has left behind.
    Leaks,
}

const OWNER_SLOTS: OwnerSlots = OwnerSlots::new(0, MAX_WORKERS, SLOT_WORDS);

const FIELDS: usize = WorkerField::Leaks as usize + 1;
const _: () = assert!(FIELDS_START + FIELDS <= SLOT_WORDS);

/// The name of a process's presence as a number: `<pid>-<8 hex digits>.json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId(u64);

impl ProcessId {
    /// From the name of a presence; `None`: it is no such name.
    #[must_use]
    pub fn from_presence(presence: &str) -> Option<Self> {
        let (pid, random) = presence.strip_suffix(".json")?.split_once('-')?;
        let (pid, random) = (
            pid.parse::<u32>().ok()?,
            u32::from_str_radix(random, 16).ok()?,
        );
        (pid != 0).then_some(Self(u64::from(pid) << 32 | u64::from(random)))
    }

    /// The name of the presence.
    #[must_use]
    pub fn presence_name(self) -> String {
        format!("{}-{:08x}.json", self.pid(), self.0 as u32)
    }

    /// The process, in its own namespace.
    #[must_use]
    pub const fn pid(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// See the head of the file.
#[derive(Debug)]
pub struct WorkerRegistry(Segment);

/// A worker that is_alive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRecord {
    /// Whose it is.
    pub owner: ProcessId,
    fields: [u64; FIELDS],
}

impl WorkerRecord {
    /// What it tells.
    #[must_use]
    pub fn get(&self, field: WorkerField) -> u64 {
        self.fields.get(field as usize).copied().unwrap_or(0)
    }
}

impl WorkerRegistry {
    /// The one in `run_dir`, made where there is none.
    ///
    /// # Errors
    /// The system's; what stands there is none.
    pub fn open(run_dir: &Path) -> io::Result<Self> {
        let path = run_dir.join("workers-v1.seg");
        let opened = Segment::open_or_create(&path, MAX_WORKERS * SLOT_WORDS * 8, |_| {});
        opened.map(Opened::into_segment).map(Self)
    }

    fn word(&self, slot: usize, word: usize) -> Option<&AtomicU64> {
        OWNER_SLOTS.word(&self.0, slot, word)
    }

    fn load(&self, slot: usize, word: usize, order: Ordering) -> u64 {
        self.word(slot, word)
            .map_or(0, |found| word::load(found, order))
    }

    fn store(&self, slot: usize, word: usize, value: u64, order: Ordering) {
        if let Some(found) = self.word(slot, word) {
            word::store(found, value, order);
        }
    }

    /// Takes a slot for a thread. `is_alive` tells of others' presences. `None`: all are taken by the living.
    pub fn acquire(
        self: &Arc<Self>,
        owner: ProcessId,
        is_alive: &dyn Fn(ProcessId) -> bool,
    ) -> Option<WorkerSlot> {
        let slot = OWNER_SLOTS.claim(&self.0, 0, owner.0).or_else(|| {
            self.clear_dead(is_alive);
            OWNER_SLOTS.claim(&self.0, 0, owner.0)
        })?;
        self.store(slot, PUBLISHED_WORD, 0, Ordering::Release);
        let taken = self.load(slot, GENERATION_WORD, Ordering::Relaxed);
        self.store(
            slot,
            GENERATION_WORD,
            taken.wrapping_add(1),
            Ordering::Relaxed,
        );
        for field in 0..FIELDS {
            self.store(slot, FIELDS_START + field, 0, Ordering::Relaxed);
        }
        Some(WorkerSlot {
            registry: Arc::clone(self),
            slot,
            owner,
            generation: fork::generation(),
        })
    }

    /// Clears the slots of the dead.
    fn clear_dead(&self, is_alive: &dyn Fn(ProcessId) -> bool) {
        OWNER_SLOTS.release_dead(&self.0, &|owner| is_alive(ProcessId(owner)));
    }

    /// All that live; the slots of others are cleared.
    pub fn list(&self, is_alive: &dyn Fn(ProcessId) -> bool) -> Vec<WorkerRecord> {
        self.clear_dead(is_alive);
        let mut found: Vec<WorkerRecord> = (0..MAX_WORKERS)
            .filter_map(|slot| self.read(slot))
            .collect();
        found.sort_by_key(|entry| (entry.owner.0, entry.get(WorkerField::Thread)));
        found
    }

    /// What a slot tells, unless it is empty, or taken anew meanwhile.
    fn read(&self, slot: usize) -> Option<WorkerRecord> {
        let owner = OWNER_SLOTS.owner(&self.0, slot);
        let taken = self.load(slot, GENERATION_WORD, Ordering::Relaxed);
        if owner == 0 || self.load(slot, PUBLISHED_WORD, Ordering::Acquire) != owner {
            return None;
        }
        let mut fields = [0; FIELDS];
        for (field, value) in fields.iter_mut().enumerate() {
            *value = self.load(slot, FIELDS_START + field, Ordering::Relaxed);
        }
        fence(Ordering::Acquire);
        let same = self.load(slot, PUBLISHED_WORD, Ordering::Relaxed) == owner
            && self.load(slot, GENERATION_WORD, Ordering::Relaxed) == taken
            && self.load(slot, OWNER, Ordering::Relaxed) == owner;
        same.then_some(WorkerRecord {
            owner: ProcessId(owner),
            fields,
        })
    }
}

/// The slot of a thread. Given back when it is dropped; a forked child's copy is its parent's, and does
/// nothing.
#[derive(Debug)]
pub struct WorkerSlot {
    registry: Arc<WorkerRegistry>,
    slot: usize,
    owner: ProcessId,
    generation: u32,
}

impl WorkerSlot {
    /// Whether it is this process's, and nobody has taken it for one of the dead.
    #[must_use]
    pub fn is_owned(&self) -> bool {
        self.generation == fork::generation()
            && self.registry.load(self.slot, OWNER, Ordering::Relaxed) == self.owner.0
    }

    /// Whose presence it names.
    #[must_use]
    pub fn owner(&self) -> ProcessId {
        self.owner
    }

    /// Tells something.
    #[inline]
    pub fn set(&self, field: WorkerField, value: u64) {
        let word = FIELDS_START + field as usize;
        self.registry
            .store(self.slot, word, value, Ordering::Relaxed);
    }

    /// Shows the slot to the others, when it tells who this is.
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

#[cfg(test)]
mod tests;
