//! The crash-safe queue of one process: a chain of mapped files for each class. PHP's threads append
//! without a lock and without a system call; a mutex is held for growing, dropping and tidying only, and
//! never across a copy. What was accepted survives the death of the process at any instant: another one
//! finds the files, takes the lock that their owner held, and sends them.
//!
//! * [`mod@file`] one file: format, appending, reading.
//! * [`chains`] all of them, [`claim`] one record; [`ownership`] whose it is; [`Epoch`] when a mapping may go.
//! * [`adopt`] taking over what the dead left, [`adopt_backoff`] what of it can't be had; [`evict`] making room, `evict::plan` by
//!   what.

mod adopt;
mod adopt_backoff;
mod chains;
mod claim;
mod evict;
mod file;
mod ownership;
#[cfg(test)]
mod shed_tests;
#[cfg(test)]
mod tests;

use std::{
    io,
    path::Path,
    ptr,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use chains::Chains;
pub(super) use evict::NewRecord;
use file::{MAX_DSN_LEN, QueueFile, RecordState};
use ownership::OutboxLock;

pub use adopt::{Adopted, Backlog, backlog_in, is_held, orphaned_backlog_in};
pub use adopt_backoff::AdoptBackoff;
pub use claim::Claim;
#[cfg(feature = "fuzzing")]
pub(super) use file::MAGIC;
pub use file::{Record, RecordInfo};

use super::protocol::category::Priority;
use crate::{
    failpoint::{FailPoint, reach},
    shm::{checksum, epoch::Epoch},
};

/// The first file of a chain, and all that an idle chain keeps.
const MIN_FILE_BYTES: usize = 32 << 10;
/// What a chain under load grows to, step by step; less where the budget is small.
const MAX_CHAIN_FILE_BYTES: usize = 2 << 20;
/// A file is what is dropped at once, so it is no more than such a part of the budget.
const FILE_SHARE: u64 = 32;
const GROWTH_FACTOR: usize = 4;
/// Records larger than this have a file of their own.
const OVERSIZE_THRESHOLD: usize = MAX_CHAIN_FILE_BYTES / 2;
/// How old the sum of other processes' files may be.
const HOST_USAGE_INTERVAL: Duration = Duration::from_secs(1);

/// What an outbox may hold.
#[derive(Debug, Clone, Copy)]
pub struct Capacity {
    /// Bytes of all files of the host.
    pub bytes: u64,
    /// Records of this process.
    pub records: usize,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is in; so many older or less important ones had to go for it.
    Stored(usize),
    /// There is no room, and nothing that it may push out. So many have gone all the same, which is rare.
    Full(usize),
}

/// The chain of one class. On a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct ChainHead {
    /// Where writers append; kept alive by the chains, and after that by `retired`.
    current: AtomicPtr<QueueFile>,
}

/// A hash of a text, the same in every process and version.
#[inline]
#[must_use]
pub fn hash(text: &[u8]) -> u64 {
    checksum::of_parts(text, &[])
}

/// The tag by which an outbox tells projects apart: the higher bits of the [`hash`] of a DSN.
#[inline]
#[must_use]
pub fn project_tag(hash: u64) -> u32 {
    (hash >> 40) as u32
}

/// See the head of the file.
#[derive(Debug)]
pub struct Outbox {
    lock: Option<OutboxLock>,
    capacity: Capacity,
    heads: [ChainHead; 5],
    epoch: Epoch,
    numbers: AtomicU64,
    /// The last file could not be made; that was said.
    in_memory_fallback: AtomicBool,
    /// Counted before a record can be seen, so that it never is below zero.
    queued: AtomicUsize,
    /// Dropped or moved, so that claims of those that wait lead to nothing.
    stale_claims: AtomicUsize,
    /// Dropped for other processes, and not counted yet.
    take_evicted_for_others: AtomicUsize,
    chains: Mutex<Chains>,
}

impl Outbox {
    /// The outbox of this process in `dir`. Where the directory is of no use, it is kept in memory, and
    /// the error says why.
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
            stale_claims: AtomicUsize::new(0),
            take_evicted_for_others: AtomicUsize::new(0),
            chains: Mutex::default(),
        };
        (outbox, error)
    }

    /// Whether all that it has accepted, and what it accepts next, outlives the process, as far as is known.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        let chains = self.chains();
        self.lock.is_some()
            && !self.in_memory_fallback.load(Ordering::Relaxed)
            && chains.in_memory().next().is_none()
    }

    /// What waits in no file.
    #[must_use]
    pub fn in_memory(&self) -> Backlog {
        let chains = self.chains();
        chains
            .in_memory()
            .fold(Backlog::default(), |sum, file| Backlog {
                records: sum.records + file.waiting(),
                bytes: sum.bytes + file.bytes() as u64,
            })
    }

    /// What it is called among the outboxes of its directory; `None`: it is in memory.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.lock.as_ref().map(OutboxLock::name)
    }

    /// How many records wait or are on their way, adopted ones included.
    #[inline]
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    /// Whether a record of so many bytes can be taken at all.
    #[must_use]
    pub fn accepts(dsn: &[u8], envelope: &[u8]) -> bool {
        dsn.len() <= MAX_DSN_LEN && envelope.len() < (u32::MAX - (1 << 20)) as usize
    }

    /// Takes a record in. On PHP's thread.
    ///
    /// # Errors
    /// The system gives neither a file nor memory.
    #[inline]
    pub fn push(
        &self,
        priority: Priority,
        dsn: &[u8],
        envelope: &[u8],
        stamp: impl Into<RecordInfo>,
    ) -> io::Result<Pushed> {
        let stamp = stamp.into();
        let need = QueueFile::bytes_for(dsn.len() + envelope.len());
        let new_record = NewRecord {
            priority,
            project: stamp.project,
        };
        let mut evicted = 0;
        if self.queued() >= self.capacity.records {
            if !self.evict_one(new_record) {
                return Ok(Pushed::Full(0));
            }
            evicted += 1;
        }
        if need > OVERSIZE_THRESHOLD {
            return Ok(
                match self.push_oversize(new_record, dsn, envelope, stamp, need)? {
                    Pushed::Stored(more) => Pushed::Stored(evicted + more),
                    Pushed::Full(more) => Pushed::Full(evicted + more),
                },
            );
        }
        self.queued.fetch_add(1, Ordering::AcqRel);
        let pushed = self.push_to_chain(new_record, dsn, envelope, stamp, need);
        match pushed {
            Ok(Pushed::Stored(more)) => return Ok(Pushed::Stored(evicted + more)),
            _ => self.queued.fetch_sub(1, Ordering::AcqRel),
        };
        Ok(match pushed? {
            Pushed::Stored(more) => Pushed::Stored(evicted + more),
            Pushed::Full(more) => Pushed::Full(evicted + more),
        })
    }

    /// The largest file of a chain.
    fn max_file_bytes(&self) -> usize {
        let part =
            usize::try_from(self.capacity.bytes / FILE_SHARE).unwrap_or(MAX_CHAIN_FILE_BYTES);
        (part / 4096 * 4096).clamp(MIN_FILE_BYTES, MAX_CHAIN_FILE_BYTES)
    }

    #[inline]
    fn push_to_chain(
        &self,
        new_record: NewRecord,
        dsn: &[u8],
        envelope: &[u8],
        stamp: RecordInfo,
        need: usize,
    ) -> io::Result<Pushed> {
        let mut evicted = 0;
        for _ in 0..64 {
            let seen = {
                let _pin = self.epoch.pin();
                let current = self
                    .head(new_record.priority)
                    .current
                    .load(Ordering::Acquire);
                // SAFETY: what `current` led to when this writer was counted in stays mapped until
                // the writer is counted out.
                let appended =
                    unsafe { current.as_ref() }.and_then(|file| file.push(dsn, envelope, stamp));
                if appended.is_some() {
                    return Ok(Pushed::Stored(evicted));
                }
                current
            };
            let (grown, more) = self.grow(new_record, need, seen)?;
            evicted += more;
            if !grown {
                return Ok(Pushed::Full(evicted));
            }
        }
        Ok(Pushed::Full(evicted))
    }

    fn head(&self, priority: Priority) -> &ChainHead {
        priority.of(&self.heads)
    }

    fn chains(&self) -> MutexGuard<'_, Chains> {
        self.chains.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the chain a file with room, unless somebody else just did. Whether it has one, and how many
    /// records had to go.
    #[cold]
    fn grow(
        &self,
        new_record: NewRecord,
        need: usize,
        seen: *mut QueueFile,
    ) -> io::Result<(bool, usize)> {
        let priority = new_record.priority;
        let mut chains = self.chains();
        let current = &self.head(priority).current;
        if current.load(Ordering::Acquire) != seen {
            return Ok((true, 0));
        }
        let last = chains.of(priority).back().filter(|_| !seen.is_null());
        let step = last.map_or(MIN_FILE_BYTES, |file| {
            (file.bytes() * GROWTH_FACTOR).clamp(MIN_FILE_BYTES, self.max_file_bytes())
        });
        let bytes = step.max(need.div_ceil(4096) * 4096);
        let spare = chains
            .spare
            .take_if(|spare| spare.priority == priority && spare.bytes() >= need);
        let (file, evicted) = match spare {
            Some(spare) => (spare, 0),
            None => {
                let (room, evicted) = self.make_space(&mut chains, new_record, bytes, need);
                let Some(bytes) = room else {
                    return Ok((false, evicted));
                };
                (Arc::new(self.make(priority, bytes)?), evicted)
            }
        };
        chains.of_mut(priority).push_back(Arc::clone(&file));
        let before = current.swap(Arc::as_ptr(&file).cast_mut(), Ordering::AcqRel);
        reach(FailPoint::OutboxGrown);
        // SAFETY: kept by the chains, whose lock we hold.
        if let Some(before) = unsafe { before.as_ref() } {
            before.seal();
        }
        Ok((true, evicted))
    }

    /// A record too large for the files of a chain has one of its own.
    #[cold]
    fn push_oversize(
        &self,
        new_record: NewRecord,
        dsn: &[u8],
        envelope: &[u8],
        stamp: RecordInfo,
        need: usize,
    ) -> io::Result<Pushed> {
        let priority = new_record.priority;
        let bytes = need.div_ceil(4096) * 4096;
        let (room, evicted) = self.make_space(&mut self.chains(), new_record, bytes, bytes);
        if room.is_none() {
            return Ok(Pushed::Full(evicted));
        }
        let file = self.make(priority, bytes)?;
        if file.push(dsn, envelope, stamp).is_none() {
            file.unlink();
            return Ok(Pushed::Full(evicted));
        }
        file.seal();
        reach(FailPoint::OutboxAlone);
        self.queued.fetch_add(1, Ordering::AcqRel);
        let mut chains = self.chains();
        // What comes after it goes into a file after it: they are sent in their order.
        let current = &self.head(priority).current;
        let before = current.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: kept by the chains, whose lock we hold.
        if let Some(before) = unsafe { before.as_ref() } {
            before.seal();
        }
        chains.of_mut(priority).push_back(Arc::new(file));
        reach(FailPoint::OutboxListed);
        Ok(Pushed::Stored(evicted))
    }

    /// A file where there is room for one, else memory: a full tmpfs loses nothing but durability.
    fn make(&self, priority: Priority, bytes: usize) -> io::Result<QueueFile> {
        let now = crate::host::clock::unix_ms();
        let Some(lock) = &self.lock else {
            return QueueFile::create(None, priority, bytes, now);
        };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        match QueueFile::create(Some(lock.file_path(number)), priority, bytes, now) {
            Ok(file) => {
                self.in_memory_fallback.store(false, Ordering::Relaxed);
                Ok(file)
            }
            Err(error) => {
                if !self.in_memory_fallback.swap(true, Ordering::Relaxed) {
                    log::warn!(error = error.to_string().as_str(); "outbox file can't be made, envelopes are kept in memory");
                }
                QueueFile::create(None, priority, bytes, now)
            }
        }
    }

    /// The most important record that is ready, of that class. On the runtime.
    pub fn claim(&self, priority: Priority) -> Option<Claim> {
        let chains = self.chains();
        let found = chains.of(priority).iter().find_map(|file| {
            Some(Claim {
                index: file.claim()?,
                file: Arc::clone(file),
            })
        });
        drop(chains);
        found
    }

    /// A claimed record waits, and may be dropped for others meanwhile.
    pub fn defer(&self, claim: &Claim) {
        // Nobody looks for what may be dropped at the same time.
        let _lists = self.chains();
        claim.file.defer(claim.index);
    }

    /// Nothing more is to be done for a record.
    pub fn settle(&self, claim: &Claim) {
        claim.file.settle(claim.index);
        reach(FailPoint::OutboxSettled);
        self.queued.fetch_sub(1, Ordering::AcqRel);
        if claim.file.is_finished() {
            self.chains().retire(&claim.file);
        }
    }

    /// Has the disk hold all that was accepted. On a thread that may block.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        let files: Vec<_> = {
            let chains = self.chains();
            chains.files.iter().flatten().map(Arc::clone).collect()
        };
        files.iter().try_for_each(|file| file.sync())
    }

    /// How many bytes its files have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.chains().bytes()
    }
}

#[cfg(test)]
impl Outbox {
    /// How many records are nobody's yet.
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
    /// Leaves what is not sent for the next process, and nothing else.
    fn drop(&mut self) {
        let chains = self
            .chains
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(spare) = chains.spare.take() {
            spare.unlink();
        }
        let mut left = false;
        for file in chains.files.iter().flatten() {
            file.seal();
            if file.is_finished() {
                file.unlink();
            } else if file.owner.is_none() {
                left |= file.is_file();
            }
        }
        if let Some(lock) = &self.lock
            && !left
        {
            lock.remove();
        }
    }
}
