//! The crash-safe queue of one process: a chain of mapped files for each priority. PHP's threads append without a lock
//! and without a system call; a mutex is held for growth, eviction and maintenance only, and never across a copy.
//! Accepted records survive the death of the process at any instant: another one adopts its files and sends them.
//!
//! * [`push`]: appending a record; [`growth`]: new files; [`mod@file`]: one queue file; [`chains`]: all; [`sizes`].
//! * [`claim`]: a record that is being sent; [`evict`]: making space; [`maintenance`]; [`ownership`]: the lock.
//! * [`adopt`]: outboxes of dead processes; [`adopt_backoff`]: failed adoptions; [`backlog`]: of a directory.

mod adopt;
mod adopt_backoff;
mod backlog;
mod chains;
mod claim;
mod evict;
mod file;
mod growth;
mod maintenance;
mod ownership;
mod push;
mod sizes;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::Path,
    ptr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    },
};

use chains::Chains;
pub(super) use evict::NewRecord;
use file::{QueueFile, RecordState};
use ownership::OutboxLock;

pub use adopt::{Adopted, is_held};
pub use adopt_backoff::AdoptBackoff;
pub use backlog::{Backlog, backlog_in, orphaned_backlog_in};
pub use claim::Claim;
#[cfg(feature = "fuzzing")]
pub(super) use file::MAGIC;
pub use file::{Record, RecordInfo};
pub use push::Pushed;
pub use sizes::Capacity;

use super::protocol::category::Priority;
use crate::shm::{checksum, epoch::Epoch};

/// The file of a chain to which writers append, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct ChainHead {
    /// Kept alive by the chains, and after that by the retired files.
    current: AtomicPtr<QueueFile>,
}

/// A hash of a text, the same in every process and version.
#[inline]
#[must_use]
pub fn hash(text: &[u8]) -> u64 {
    checksum::of_parts(text, &[])
}

/// The tag by which an outbox distinguishes projects: the upper 24 bits of the [`hash`] of the DSN.
#[inline]
#[must_use]
pub fn project_tag(hash: u64) -> u32 {
    (hash >> 40) as u32
}

/// The outbox of this process, with the files that it adopted.
#[derive(Debug)]
pub struct Outbox {
    /// `None`: the outbox is in memory.
    lock: Option<OutboxLock>,
    capacity: Capacity,
    heads: [ChainHead; 5],
    epoch: Epoch,
    /// The number of the next file.
    numbers: AtomicU64,
    /// The last file could not be created, which was logged: memory is used in its place.
    in_memory_fallback: AtomicBool,
    /// Records that are neither settled nor evicted. Counted before a record can be seen, so that it never wraps.
    queued: AtomicUsize,
    /// Those of `queued` that are in no file. Counted before a record can be seen, too.
    in_memory_records: AtomicUsize,
    /// Records that were evicted or moved to another file while a sender may hold a claim on them.
    stale_claims: AtomicUsize,
    /// Records that were evicted for other processes and are not counted yet.
    evicted_for_others: AtomicUsize,
    chains: Mutex<Chains>,
}

impl Outbox {
    /// Creates the outbox of this process in `dir`. If that fails it is in memory, and the error is returned too.
    pub fn open(dir: Option<&Path>, capacity: Capacity) -> (Self, Option<io::Error>) {
        let (lock, error) = match dir.map(OutboxLock::create) {
            Some(Ok(lock)) => (Some(lock), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let outbox = Self {
            lock,
            capacity,
            heads: std::array::from_fn(|_| ChainHead {
                current: AtomicPtr::new(ptr::null_mut()),
            }),
            epoch: Epoch::default(),
            numbers: AtomicU64::new(0),
            in_memory_fallback: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            in_memory_records: AtomicUsize::new(0),
            stale_claims: AtomicUsize::new(0),
            evicted_for_others: AtomicUsize::new(0),
            chains: Mutex::default(),
        };
        (outbox, error)
    }

    /// Whether all queued records are in files, and the next one is expected to be.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        let chains = self.chains();
        self.lock.is_some()
            && !self.in_memory_fallback.load(Ordering::Relaxed)
            && chains.in_memory().next().is_none()
    }

    /// The records that are in memory only.
    #[must_use]
    pub fn in_memory(&self) -> Backlog {
        let chains = self.chains();
        Backlog {
            records: self.in_memory_records(),
            bytes: chains.in_memory().map(|file| file.bytes() as u64).sum(),
        }
    }

    /// The name of the outbox in its directory. `None`: it is in memory.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.lock.as_ref().map(OutboxLock::name)
    }

    /// The number of records that are queued or being sent, adopted ones included.
    #[inline]
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    /// The number of queued records that are in no file: the end of the process loses them.
    #[inline]
    #[must_use]
    pub fn in_memory_records(&self) -> usize {
        self.in_memory_records.load(Ordering::Acquire)
    }

    /// The bytes of all its files.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.chains().bytes()
    }

    /// Subtracts records of `file` from the queued ones.
    fn subtract_queued(&self, file: &QueueFile, records: usize) {
        self.queued.fetch_sub(records, Ordering::AcqRel);
        if !file.is_file() {
            self.in_memory_records.fetch_sub(records, Ordering::AcqRel);
        }
    }

    fn head(&self, priority: Priority) -> &ChainHead {
        priority.of(&self.heads)
    }

    fn chains(&self) -> MutexGuard<'_, Chains> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
impl Outbox {
    /// The number of records that are not claimed yet.
    pub(super) fn ready(&self) -> usize {
        let chains = self.chains();
        let files = chains.files.iter().flatten();
        files
            .map(|file| {
                let states = (0..file.slots()).map(|index| file.state(index));
                states.filter(|state| *state == RecordState::Ready).count()
            })
            .sum()
    }
}

impl Drop for Outbox {
    /// Leaves records that are not sent to the next process, and removes all other files.
    fn drop(&mut self) {
        let chains = self
            .chains
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        chains.unlink_unused(0);
        let mut keeps_files = false;
        for file in chains.files.iter().flatten() {
            file.seal();
            if file.is_finished() {
                file.unlink();
            } else if file.owner.is_none() {
                keeps_files |= file.is_file();
            }
        }
        if let Some(lock) = &self.lock
            && !keeps_files
        {
            lock.remove();
        }
    }
}
