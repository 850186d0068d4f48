//! Gauges that belong to a process, and leave the page with it: each process that sets one holds the lock of one byte
//! of the segment's file, and its number is that of the byte. The kernel releases the lock of a killed process, in any
//! container. A number has a count of the processes that have had it, so that the next one does not inherit values. Any
//! thread; the lock is taken once for each process, and reading a page asks for each number that has values.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicI32, AtomicU64, Ordering},
    },
};

use super::{
    super::cell::Cell,
    records::{IS_CLEARED, Refusal},
};
use crate::shm::records::Records;

/// Processes that have such gauges at once.
const MAX_OWNERS: usize = 1024;
/// The key of the record with the count of each number.
const OWNERS: &[u8] = b"o";
/// Where the bytes of the locks are: beyond the end of the file, where no other lock is.
const FIRST_BYTE: i64 = 1 << 40;
/// Words of a series: state, count of its owner, process id, value.
pub(super) const WORDS: usize = 4;
const COUNT: usize = 1;
const PID: usize = 2;
const VALUE: usize = 3;

/// The descriptor of this process's lock, which a forked child closes: it would hold the lock beyond the death of its
/// parent.
static DESCRIPTOR: AtomicI32 = AtomicI32::new(-1);

/// A process that has such gauges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) number: u32,
    count: u64,
}

/// The owners of a segment.
#[derive(Debug)]
pub(super) struct Live {
    /// `None`: memory of this process alone.
    path: Option<PathBuf>,
    file: OnceLock<Option<File>>,
    own: OnceLock<Option<Owner>>,
}

impl Live {
    pub(super) const fn new(path: Option<PathBuf>) -> Self {
        Self {
            path,
            file: OnceLock::new(),
            own: OnceLock::new(),
        }
    }

    /// This process as an owner.
    ///
    /// # Errors
    /// There is no number, or no space for the counts.
    pub(super) fn own(&self, records: &Records) -> Result<Owner, Refusal> {
        let own = self.own.get_or_init(|| self.claim(records));
        own.ok_or(Refusal::Full)
    }

    fn claim(&self, records: &Records) -> Option<Owner> {
        if self.path.is_none() {
            return Some(Owner {
                number: 0,
                count: 1,
            });
        }
        let counts = records.find_or_add(OWNERS, MAX_OWNERS)?.words();
        let file = self.file(records)?;
        let start = std::process::id() as usize;
        let number = (0..MAX_OWNERS - 1)
            .map(|step| (start + step) % (MAX_OWNERS - 1) + 1)
            .find(|number| matches!(lock(file, *number), Ok(true)))?;
        DESCRIPTOR.store(file.as_raw_fd(), Ordering::Release);
        let count = counts.get(number)?.fetch_add(1, Ordering::AcqRel) + 1;
        Some(Owner {
            number: number.try_into().ok()?,
            count,
        })
    }

    fn file(&self, records: &Records) -> Option<&File> {
        let open = || match open(self.path.as_deref()?, records) {
            Ok(file) => Some(file),
            Err(error) => {
                log::warn!(error:%; "gauges of processes have no locks");
                None
            }
        };
        self.file.get_or_init(open).as_ref()
    }

    /// Whether the process that has written a series lives.
    pub(super) fn is_alive(&self, records: &Records, number: u32, words: &[AtomicU64]) -> bool {
        let Some(count) = words.get(COUNT).map(|word| word.load(Ordering::Acquire)) else {
            return false;
        };
        if self.own.get().copied().flatten() == Some(Owner { number, count }) {
            return true;
        }
        let counts = records.find(OWNERS).map(|record| record.words());
        let current = counts.and_then(|counts| counts.get(number as usize));
        current.is_some_and(|current| current.load(Ordering::Acquire) == count)
            && self
                .file(records)
                .is_some_and(|file| is_locked(file, number as usize))
    }
}

/// Makes a series that of its owner: at zero, unless it is already.
pub(super) fn adopt(words: &'static [AtomicU64], owner: Owner) -> Option<&'static [Cell]> {
    let (state, count, pid) = (words.first()?, words.get(COUNT)?, words.get(PID)?);
    let cells = Cell::of_words(words.get(VALUE..)?);
    if count.load(Ordering::Acquire) != owner.count {
        cells.iter().for_each(Cell::reset);
        pid.store(std::process::id().into(), Ordering::Relaxed);
        count.store(owner.count, Ordering::Release);
    }
    if state.load(Ordering::Relaxed) == IS_CLEARED {
        state.store(0, Ordering::Relaxed);
    }
    Some(cells)
}

/// Process id and value of a series, unless it is cleared.
pub(super) fn read(words: &'static [AtomicU64]) -> Option<(u64, f64)> {
    let is_cleared = words.first()?.load(Ordering::Relaxed) == IS_CLEARED;
    let pid = words.get(PID)?.load(Ordering::Relaxed);
    let [value] = Cell::of_words(words.get(VALUE..)?) else {
        return None;
    };
    (!is_cleared).then(|| (pid, value.get_float()))
}

/// Closes the descriptor of the parent's lock. Async-signal-safe.
pub(super) fn after_fork() {
    let descriptor = DESCRIPTOR.swap(-1, Ordering::AcqRel);
    if descriptor >= 0 {
        // SAFETY: this child's own copy; its `File` is leaked with the metrics of the parent, and never used again.
        unsafe { libc::close(descriptor) };
    }
}

fn open(path: &Path, records: &Records) -> io::Result<File> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)?;
    match records.is_file(&file)? {
        true => Ok(file),
        false => Err(io::Error::other("the segment was replaced meanwhile")),
    }
}

#[cfg(target_os = "linux")]
const SET: libc::c_int = libc::F_OFD_SETLK;
#[cfg(target_os = "linux")]
const GET: libc::c_int = libc::F_OFD_GETLK;
#[cfg(not(target_os = "linux"))]
const SET: libc::c_int = libc::F_SETLK;
#[cfg(not(target_os = "linux"))]
const GET: libc::c_int = libc::F_GETLK;

/// Returns whether the lock was free.
fn lock(file: &File, number: usize) -> io::Result<bool> {
    let range = byte_of(number);
    // SAFETY: an open descriptor and a valid range.
    if unsafe { libc::fcntl(file.as_raw_fd(), SET, &raw const range) } == 0 {
        return Ok(true);
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::EAGAIN | libc::EACCES) => Ok(false),
        _ => Err(error),
    }
}

/// Whether another process holds the lock.
fn is_locked(file: &File, number: usize) -> bool {
    let mut range = byte_of(number);
    // SAFETY: an open descriptor and a valid range, which the call may change.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), GET, &raw mut range) };
    result == 0 && libc::c_int::from(range.l_type) != libc::F_UNLCK
}

#[allow(clippy::cast_possible_truncation, reason = "constants of C's short")]
fn byte_of(number: usize) -> libc::flock {
    // SAFETY: a C struct of numbers, for which zero is valid.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = libc::F_WRLCK as libc::c_short;
    range.l_whence = libc::SEEK_SET as libc::c_short;
    range.l_start = FIRST_BYTE + i64::try_from(number).unwrap_or_default();
    range.l_len = 1;
    range
}
