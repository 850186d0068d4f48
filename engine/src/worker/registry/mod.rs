//! Registry of all workers of the host: a segment with a slot for each PHP thread that serves requests. Only the
//! owning thread stores into its slot; readers take no lock. A slot names the presence of its process, so any process
//! can tell that the owner is dead and clear it: a slot is acquired by one atomic store of its owner, and published by
//! another one when it is filled, so a crash in between leaves nothing inconsistent.
//!
//! Layout of `workers-v1.seg`, in little-endian words of eight bytes: slots of 32 words. Word 0: the owner, 0 for a
//! free slot; word 1: the owner again, once the slot is published; word 2: the number of acquisitions; then the words
//! of [`WorkerField`]; then a head and the method and URI of the running request. The file's name has the version, its
//! size the capacity.

mod gauges;
mod request_text;
mod slot;

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

pub use request_text::RequestText;
pub use slot::WorkerSlot;

/// Slots of the segment; further threads of the host are not listed.
const MAX_WORKERS: usize = 1024;
/// Words in a slot.
const SLOT_WORDS: usize = 32;
const PUBLISHED_WORD: usize = 1;
const GENERATION_WORD: usize = 2;
/// The first of [`WorkerField`].
const FIELDS_START: usize = 3;

/// A value in a slot, in the order of its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub enum WorkerField {
    /// The system's id of the thread.
    Thread,
    /// When the slot was acquired, in milliseconds since 1970.
    RegisteredMs,
    /// The runtime: [`super::Mode::code`].
    Mode,
    /// When the current request began, in milliseconds since 1970; 0 between two requests.
    RequestStartedMs,
    /// When the last request ended, in milliseconds since 1970.
    RequestEndedMs,
    /// Requests that have ended on the thread.
    Requests,
    /// The duration of the last request, in microseconds.
    LastDurationUs,
    /// The median duration of the process's requests, in microseconds.
    P50Us,
    /// The 99th percentile of them.
    P99Us,
    /// Bytes that PHP holds from the system.
    Memory,
    /// The peak of these bytes.
    PeakMemory,
    /// These bytes when the request began.
    BaselineMemory,
    /// How often PHP has restarted in the process.
    Restarts,
    /// Leaks at the last check.
    Leaks,
}

const OWNER_SLOTS: OwnerSlots = OwnerSlots::new(0, MAX_WORKERS, SLOT_WORDS);

const FIELDS: usize = WorkerField::Leaks as usize + 1;
// The text of a request has the rest.
const _: () = assert!(FIELDS_START + FIELDS + 2 <= SLOT_WORDS);

/// A process by the name of its presence, `<pid>-<8 hex digits>.json`, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ProcessId(u64);

impl ProcessId {
    /// Parses the name of a presence; returns `None` for any other name.
    #[must_use]
    pub fn from_presence(presence: &str) -> Option<Self> {
        let (pid, random) = presence.strip_suffix(".json")?.split_once('-')?;
        let (pid, random) = (
            pid.parse::<u32>().ok()?,
            u32::from_str_radix(random, 16).ok()?,
        );
        (pid != 0).then_some(Self(u64::from(pid) << 32 | u64::from(random)))
    }

    /// The name of the process's presence.
    #[must_use]
    pub fn presence_name(self) -> String {
        format!("{}-{:08x}.json", self.pid(), self.0 as u32)
    }

    /// The pid, in the process's own namespace.
    #[must_use]
    pub const fn pid(self) -> u32 {
        (self.0 >> 32) as u32
    }
}

/// The mapped segment.
#[derive(Debug)]
pub struct WorkerRegistry(Segment);

/// A copy of a published slot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerRecord {
    /// The process that owns the slot.
    pub owner: ProcessId,
    /// The running request, as far as it is known.
    pub request: Option<RequestText>,
    fields: [u64; FIELDS],
}

impl WorkerRecord {
    /// The value of a field.
    #[must_use]
    pub fn get(&self, field: WorkerField) -> u64 {
        self.fields.get(field as usize).copied().unwrap_or(0)
    }
}

impl WorkerRegistry {
    /// Opens the registry in `run_dir`; creates it if there is none.
    ///
    /// # Errors
    /// The system's; the file is no registry.
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

    /// Acquires a slot for a thread. Returns `None` if live processes own all slots; `is_alive` checks a presence.
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
        let acquired = WorkerSlot {
            registry: Arc::clone(self),
            slot,
            owner,
            generation: fork::generation(),
        };
        acquired.clear_request();
        Some(acquired)
    }

    /// Frees the slots of dead processes.
    fn clear_dead(&self, is_alive: &dyn Fn(ProcessId) -> bool) {
        OWNER_SLOTS.release_dead(&self.0, &|owner| is_alive(ProcessId(owner)));
    }

    /// Lists all live workers, and frees the slots of dead ones.
    pub fn list(&self, is_alive: &dyn Fn(ProcessId) -> bool) -> Vec<WorkerRecord> {
        self.clear_dead(is_alive);
        let mut found: Vec<WorkerRecord> = (0..MAX_WORKERS)
            .filter_map(|slot| self.read(slot))
            .collect();
        found.sort_by_key(|worker| (worker.owner.0, worker.get(WorkerField::Thread)));
        found
    }

    /// Copies a slot; `None` if it is free, not published, or acquired anew meanwhile.
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
        let is_busy = fields.get(WorkerField::RequestStartedMs as usize) != Some(&0);
        let request = is_busy.then(|| self.read_text(slot)).flatten();
        fence(Ordering::Acquire);
        let same = self.load(slot, PUBLISHED_WORD, Ordering::Relaxed) == owner
            && self.load(slot, GENERATION_WORD, Ordering::Relaxed) == taken
            && self.load(slot, OWNER, Ordering::Relaxed) == owner;
        same.then_some(WorkerRecord {
            owner: ProcessId(owner),
            request,
            fields,
        })
    }
}

#[cfg(test)]
mod tests;
