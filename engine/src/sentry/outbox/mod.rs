//! The crash-safe queue of one process: a chain of mapped files for each class. PHP's threads append
//! without a lock and without a system call; a mutex is held for growing, dropping and tidying only, and
//! never across a copy. What was accepted survives the death of the process at any instant: another one
//! finds the files, takes the lock that their owner held, and sends them.
//!
//! * [`mod@file`] one file: format, appending, reading; [`checksum`] of a record.
//! * [`chains`] all of them, [`claim`] one record; [`ownership`] whose it is; [`epoch`] when a mapping may go.
//! * [`adopt`] taking over what the dead left, [`adopt_backoff`] what of it can't be had; [`evict`] making room, `evict::plan` by
//!   what.

mod adopt;
mod adopt_backoff;
mod chains;
mod checksum;
mod claim;
mod epoch;
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

use chains::Lists;
use epoch::Epoch;
pub(super) use evict::Newcomer;
use file::{BoxFile, LONGEST_DSN, State};
use ownership::Tenure;

pub use adopt::{Adopted, Waiting, is_held, orphaned_in, waiting_in};
pub use adopt_backoff::Orphans;
pub use claim::Claim;
#[cfg(feature = "fuzzing")]
pub(super) use file::MAGIC;
pub use file::{Record, Stamp};

use super::protocol::category::Class;
use crate::failpoint::{Place, reach};

/// The first file of a chain, and all that an idle chain keeps.
const SMALL: usize = 32 << 10;
/// What a chain under load grows to, step by step; less where the budget is small.
const LARGE: usize = 2 << 20;
/// A file is what is dropped at once, so it is no more than such a part of the budget.
const PARTS: u64 = 32;
const GROWTH: usize = 4;
/// Records larger than this have a file of their own.
const ALONE: usize = LARGE / 2;
/// How old the sum of other processes' files may be.
const LOOK_AROUND: Duration = Duration::from_secs(1);

/// What an outbox may hold.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// Bytes of all files of the host.
    pub bytes: u64,
    /// Records of this process.
    pub records: usize,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pushed {
    /// It is in; so many older or less important ones had to go for it.
    In(usize),
    /// There is no room, and nothing that it may push out. So many have gone all the same, which is rare.
    Full(usize),
}

/// The chain of one class. On a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Chain {
    /// Where writers append; kept alive by the lists, and after that by `retired`.
    current: AtomicPtr<BoxFile>,
}

/// A hash of a text, the same in every process and version.
#[inline]
#[must_use]
pub fn hash(text: &[u8]) -> u64 {
    checksum::of(text, &[])
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
    home: Option<Tenure>,
    room: Room,
    chains: [Chain; 5],
    epoch: Epoch,
    numbers: AtomicU64,
    /// The last file could not be made; that was said.
    makeshift: AtomicBool,
    /// Counted before a record can be seen, so that it never is below zero.
    queued: AtomicUsize,
    /// Dropped or moved, so that claims of those that wait lead to nothing.
    stale: AtomicUsize,
    /// Dropped for other processes, and not counted yet.
    gave_way: AtomicUsize,
    lists: Mutex<Lists>,
}

impl Outbox {
    /// The outbox of this process in `dir`. Where the directory is of no use, it is kept in memory, and
    /// the error says why.
    pub fn open(dir: Option<&Path>, room: Room) -> (Self, Option<io::Error>) {
        let (home, trouble) = match dir.map(Tenure::begin) {
            Some(Ok(home)) => (Some(home), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let outbox = Self {
            home,
            room,
            chains: std::array::from_fn(|_| Chain {
                current: AtomicPtr::new(ptr::null_mut()),
            }),
            epoch: Epoch::default(),
            numbers: AtomicU64::new(0),
            makeshift: AtomicBool::new(false),
            queued: AtomicUsize::new(0),
            stale: AtomicUsize::new(0),
            gave_way: AtomicUsize::new(0),
            lists: Mutex::default(),
        };
        (outbox, trouble)
    }

    /// Whether all that it has accepted, and what it accepts next, outlives the process, as far as is known.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        let lists = self.lists();
        self.home.is_some()
            && !self.makeshift.load(Ordering::Relaxed)
            && lists.in_memory().next().is_none()
    }

    /// What waits in no file.
    #[must_use]
    pub fn in_memory(&self) -> Waiting {
        let lists = self.lists();
        lists
            .in_memory()
            .fold(Waiting::default(), |sum, file| Waiting {
                records: sum.records + file.waiting(),
                bytes: sum.bytes + file.bytes() as u64,
            })
    }

    /// What it is called among the outboxes of its directory; `None`: it is in memory.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.home.as_ref().map(Tenure::name)
    }

    /// How many records wait or are on their way, adopted ones included.
    #[inline]
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Acquire)
    }

    /// Whether a record of so many bytes can be taken at all.
    #[must_use]
    pub fn takes(dsn: &[u8], envelope: &[u8]) -> bool {
        dsn.len() <= LONGEST_DSN && envelope.len() < (u32::MAX - (1 << 20)) as usize
    }

    /// Takes a record in. On PHP's thread.
    ///
    /// # Errors
    /// The system gives neither a file nor memory.
    #[inline]
    pub fn push(
        &self,
        class: Class,
        dsn: &[u8],
        envelope: &[u8],
        stamp: impl Into<Stamp>,
    ) -> io::Result<Pushed> {
        let stamp = stamp.into();
        let need = BoxFile::bytes_for(dsn.len() + envelope.len());
        let newcomer = Newcomer {
            class,
            project: stamp.project,
        };
        let mut pushed_out = 0;
        if self.queued() >= self.room.records {
            if !self.shed_one(newcomer) {
                return Ok(Pushed::Full(0));
            }
            pushed_out += 1;
        }
        if need > ALONE {
            return Ok(
                match self.push_alone(newcomer, dsn, envelope, stamp, need)? {
                    Pushed::In(more) => Pushed::In(pushed_out + more),
                    Pushed::Full(more) => Pushed::Full(pushed_out + more),
                },
            );
        }
        self.queued.fetch_add(1, Ordering::AcqRel);
        let pushed = self.push_to_chain(newcomer, dsn, envelope, stamp, need);
        match pushed {
            Ok(Pushed::In(more)) => return Ok(Pushed::In(pushed_out + more)),
            _ => self.queued.fetch_sub(1, Ordering::AcqRel),
        };
        Ok(match pushed? {
            Pushed::In(more) => Pushed::In(pushed_out + more),
            Pushed::Full(more) => Pushed::Full(pushed_out + more),
        })
    }

    /// The largest file of a chain.
    fn large(&self) -> usize {
        let part = usize::try_from(self.room.bytes / PARTS).unwrap_or(LARGE);
        (part / 4096 * 4096).clamp(SMALL, LARGE)
    }

    #[inline]
    fn push_to_chain(
        &self,
        newcomer: Newcomer,
        dsn: &[u8],
        envelope: &[u8],
        stamp: Stamp,
        need: usize,
    ) -> io::Result<Pushed> {
        let mut pushed_out = 0;
        for _ in 0..64 {
            let seen = {
                let _pin = self.epoch.pin();
                let current = self.chain(newcomer.class).current.load(Ordering::Acquire);
                // SAFETY: what `current` led to when this writer was counted in stays mapped until
                // the writer is counted out.
                let appended =
                    unsafe { current.as_ref() }.and_then(|file| file.push(dsn, envelope, stamp));
                if appended.is_some() {
                    return Ok(Pushed::In(pushed_out));
                }
                current
            };
            let (grown, more) = self.grow(newcomer, need, seen)?;
            pushed_out += more;
            if !grown {
                return Ok(Pushed::Full(pushed_out));
            }
        }
        Ok(Pushed::Full(pushed_out))
    }

    fn chain(&self, class: Class) -> &Chain {
        class.of(&self.chains)
    }

    fn lists(&self) -> MutexGuard<'_, Lists> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the chain a file with room, unless somebody else just did. Whether it has one, and how many
    /// records had to go.
    #[cold]
    fn grow(
        &self,
        newcomer: Newcomer,
        need: usize,
        seen: *mut BoxFile,
    ) -> io::Result<(bool, usize)> {
        let class = newcomer.class;
        let mut lists = self.lists();
        let current = &self.chain(class).current;
        if current.load(Ordering::Acquire) != seen {
            return Ok((true, 0));
        }
        let last = lists.of(class).back().filter(|_| !seen.is_null());
        let step = last.map_or(SMALL, |file| {
            (file.bytes() * GROWTH).clamp(SMALL, self.large())
        });
        let bytes = step.max(need.div_ceil(4096) * 4096);
        let spare = lists
            .spare
            .take_if(|spare| spare.class == class && spare.bytes() >= need);
        let (file, pushed_out) = match spare {
            Some(spare) => (spare, 0),
            None => {
                let (room, pushed_out) = self.make_room(&mut lists, newcomer, bytes, need);
                let Some(bytes) = room else {
                    return Ok((false, pushed_out));
                };
                (Arc::new(self.make(class, bytes)?), pushed_out)
            }
        };
        lists.of_mut(class).push_back(Arc::clone(&file));
        let before = current.swap(Arc::as_ptr(&file).cast_mut(), Ordering::AcqRel);
        reach(Place::OutboxGrown);
        // SAFETY: kept by the lists, whose lock we hold.
        if let Some(before) = unsafe { before.as_ref() } {
            before.seal();
        }
        Ok((true, pushed_out))
    }

    /// A record too large for the files of a chain has one of its own.
    #[cold]
    fn push_alone(
        &self,
        newcomer: Newcomer,
        dsn: &[u8],
        envelope: &[u8],
        stamp: Stamp,
        need: usize,
    ) -> io::Result<Pushed> {
        let class = newcomer.class;
        let bytes = need.div_ceil(4096) * 4096;
        let (room, pushed_out) = self.make_room(&mut self.lists(), newcomer, bytes, bytes);
        if room.is_none() {
            return Ok(Pushed::Full(pushed_out));
        }
        let file = self.make(class, bytes)?;
        if file.push(dsn, envelope, stamp).is_none() {
            file.unlink();
            return Ok(Pushed::Full(pushed_out));
        }
        file.seal();
        reach(Place::OutboxAlone);
        self.queued.fetch_add(1, Ordering::AcqRel);
        let mut lists = self.lists();
        // What comes after it goes into a file after it: they are sent in their order.
        let current = &self.chain(class).current;
        let before = current.swap(ptr::null_mut(), Ordering::AcqRel);
        // SAFETY: kept by the lists, whose lock we hold.
        if let Some(before) = unsafe { before.as_ref() } {
            before.seal();
        }
        lists.of_mut(class).push_back(Arc::new(file));
        reach(Place::OutboxListed);
        Ok(Pushed::In(pushed_out))
    }

    /// A file where there is room for one, else memory: a full tmpfs loses nothing but durability.
    fn make(&self, class: Class, bytes: usize) -> io::Result<BoxFile> {
        let now = crate::host::clock::unix_ms();
        let Some(home) = &self.home else {
            return BoxFile::create(None, class, bytes, now);
        };
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        match BoxFile::create(Some(home.file(number)), class, bytes, now) {
            Ok(file) => {
                self.makeshift.store(false, Ordering::Relaxed);
                Ok(file)
            }
            Err(error) => {
                if !self.makeshift.swap(true, Ordering::Relaxed) {
                    log::warn!(error = error.to_string().as_str(); "outbox file can't be made, envelopes are kept in memory");
                }
                BoxFile::create(None, class, bytes, now)
            }
        }
    }

    /// The most important record that is ready, of that class. On the runtime.
    pub fn claim(&self, class: Class) -> Option<Claim> {
        let lists = self.lists();
        let found = lists.of(class).iter().find_map(|file| {
            Some(Claim {
                index: file.take()?,
                file: Arc::clone(file),
            })
        });
        drop(lists);
        found
    }

    /// A claimed record waits, and may be dropped for others meanwhile.
    pub fn hold(&self, claim: &Claim) {
        // Nobody looks for what may be dropped at the same time.
        let _lists = self.lists();
        claim.file.hold(claim.index);
    }

    /// Nothing more is to be done for a record.
    pub fn settle(&self, claim: &Claim) {
        claim.file.settle(claim.index);
        reach(Place::OutboxSettled);
        self.queued.fetch_sub(1, Ordering::AcqRel);
        if claim.file.is_finished() {
            self.lists().retire(&claim.file);
        }
    }

    /// Has the disk hold all that was accepted. On a thread that may block.
    ///
    /// # Errors
    /// The system's.
    pub fn sync(&self) -> io::Result<()> {
        let files: Vec<_> = {
            let lists = self.lists();
            lists.files.iter().flatten().map(Arc::clone).collect()
        };
        files.iter().try_for_each(|file| file.sync())
    }

    /// How many bytes its files have.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.lists().bytes()
    }
}

#[cfg(test)]
impl Outbox {
    /// How many records are nobody's yet.
    pub(super) fn ready(&self) -> usize {
        let lists = self.lists();
        let files = lists.files.iter().flatten();
        files
            .map(|file| {
                let states = (0..file.slots()).map(|index| file.state(index));
                states.filter(|state| *state == State::Ready).count()
            })
            .sum()
    }
}

impl Drop for Outbox {
    /// Leaves what is not sent for the next process, and nothing else.
    fn drop(&mut self) {
        let lists = self.lists.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(spare) = lists.spare.take() {
            spare.unlink();
        }
        let mut left = false;
        for file in lists.files.iter().flatten() {
            file.seal();
            if file.is_finished() {
                file.unlink();
            } else if file.owner.is_none() {
                left |= file.is_file();
            }
        }
        if let Some(home) = &self.home
            && !left
        {
            home.end();
        }
    }
}
