//! The processes that write: each holds the lock of one byte of the segment's file for as long as it lives, and its
//! number is that of the byte. The kernel releases the lock of a killed process, in any container; the blocks that it
//! had reserved are returned by the process that gets the lock next. On PHP's threads and the leader's.

mod reclaim;

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
    sync::atomic::Ordering,
};

use super::{coverage, layout::MAX_OWNERS, memory::Memory, occupancy};
use crate::{descriptors, host::fork_descriptors};
use reclaim::return_blocks;

/// Set in the word of an owner if blocks may be reserved under its number. The other bits count the processes that have
/// had the number.
const IN_USE: u64 = 1;

/// The segment's file, opened for its locks.
#[derive(Debug)]
pub(super) struct Owners {
    file: File,
    /// Number of this process; 0: none yet.
    own: usize,
    /// The word of this process.
    word: u64,
}

/// A process, dead or alive: its number, and the count of processes that have had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Owner {
    pub(super) number: usize,
    pub(super) count: u32,
}

impl Owner {
    /// Bits of the count that are compared.
    pub(super) const COUNT_BITS: u32 = 22;

    const fn new(number: usize, word: u64) -> Self {
        Self {
            number,
            count: (word >> 1) as u32 & ((1 << Self::COUNT_BITS) - 1),
        }
    }
}

impl Owners {
    /// Opens the file of a segment.
    ///
    /// # Errors
    /// The file at `path` is another one meanwhile; an I/O error.
    pub(super) fn open(path: &Path, memory: &Memory) -> io::Result<Self> {
        descriptors::reserve_stdio();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
            .open(path)?;
        if !memory.segment().is_file(&file)? {
            return Err(io::Error::other("the segment was replaced meanwhile"));
        }
        // A forked child would hold the lock beyond the death of its parent.
        fork_descriptors::register(file.as_raw_fd());
        Ok(Self {
            file,
            own: 0,
            word: 0,
        })
    }

    /// The number of this process.
    #[inline]
    pub(super) const fn own(&self) -> usize {
        self.own
    }

    /// Gets a number for this process: the first free one from `start` on.
    ///
    /// # Errors
    /// All are in use.
    pub(super) fn claim(&mut self, memory: &Memory, start: usize) -> io::Result<()> {
        for step in 0..MAX_OWNERS - 1 {
            let owner = (start + step) % (MAX_OWNERS - 1) + 1;
            if self.lock(owner)? {
                let word = memory.word(memory.layout.owners + owner);
                let former = word.load(Ordering::Acquire);
                self.own = owner;
                self.word = (former | IN_USE).wrapping_add(IN_USE << 1);
                word.store(self.word, Ordering::Release);
                if former & IN_USE != 0 {
                    end_of(memory, owner);
                }
                return Ok(());
            }
        }
        Err(io::Error::other("too many processes use the cache"))
    }

    /// Returns the blocks of dead processes. Returns the number of these processes.
    pub(super) fn recover(&self, memory: &Memory) -> usize {
        let dead = (1..MAX_OWNERS)
            .filter(|owner| {
                let word = memory.word(memory.layout.owners + owner);
                // A lock of this file's own would be granted again.
                if *owner == self.own || word.load(Ordering::Acquire) & IN_USE == 0 {
                    return false;
                }
                let is_dead = self.lock(*owner).unwrap_or(false);
                if is_dead {
                    end_of(memory, *owner);
                    word.fetch_and(!IN_USE, Ordering::Release);
                    let _ = self.set_lock(*owner, libc::F_UNLCK);
                }
                is_dead
            })
            .count();
        occupancy::recount_if_due(memory, self.own);
        dead
    }

    /// Gives the number up.
    pub(super) fn release(&self, memory: &Memory) {
        if self.own != 0 {
            coverage::drop_tracked_of(memory, self.own);
            memory
                .word(memory.layout.owners + self.own)
                .fetch_and(!IN_USE, Ordering::Release);
        }
    }

    /// This process.
    pub(super) const fn identity(&self) -> Owner {
        Owner::new(self.own, self.word)
    }

    /// Whether a process lives and has the segment open.
    pub(super) fn is_alive(&self, memory: &Memory, owner: Owner) -> bool {
        if owner == self.identity() {
            return true;
        }
        let word = memory.word(memory.layout.owners + owner.number % MAX_OWNERS);
        let word = word.load(Ordering::Acquire);
        word & IN_USE != 0
            && owner == Owner::new(owner.number, word)
            && self.is_locked(owner.number)
    }

    /// Whether another process holds the lock of an owner. If that can't be found out, it does.
    fn is_locked(&self, owner: usize) -> bool {
        #[cfg(target_os = "linux")]
        const GET: libc::c_int = libc::F_OFD_GETLK;
        #[cfg(not(target_os = "linux"))]
        const GET: libc::c_int = libc::F_GETLK;
        let mut range = byte_of(owner, libc::F_WRLCK);
        // SAFETY: an open descriptor and a valid range, which the call may change.
        let result = unsafe { libc::fcntl(self.file.as_raw_fd(), GET, &raw mut range) };
        result != 0 || libc::c_int::from(range.l_type) != libc::F_UNLCK
    }

    fn lock(&self, owner: usize) -> io::Result<bool> {
        match self.set_lock(owner, libc::F_WRLCK) {
            Ok(()) => Ok(true),
            Err(error) if matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => {
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    fn set_lock(&self, owner: usize, kind: libc::c_int) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        const SET: libc::c_int = libc::F_OFD_SETLK;
        #[cfg(not(target_os = "linux"))]
        const SET: libc::c_int = libc::F_SETLK;
        let range = byte_of(owner, kind);
        // SAFETY: an open descriptor and a valid range.
        match unsafe { libc::fcntl(self.file.as_raw_fd(), SET, &raw const range) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Owners {
    fn drop(&mut self) {
        fork_descriptors::unregister(self.file.as_raw_fd());
    }
}

/// Ends what a dead process has left. The caller holds its lock.
fn end_of(memory: &Memory, owner: usize) {
    return_blocks(memory, owner);
    coverage::drop_tracked_of(memory, owner);
    occupancy::give_recount_up(memory, owner);
    occupancy::demand_recount(memory);
}

/// The byte of an owner's lock.
#[allow(clippy::cast_possible_truncation, reason = "constants of C's short")]
fn byte_of(owner: usize, kind: libc::c_int) -> libc::flock {
    // SAFETY: a C struct of numbers, for which zero is valid.
    let mut range: libc::flock = unsafe { std::mem::zeroed() };
    range.l_type = kind as libc::c_short;
    range.l_whence = libc::SEEK_SET as libc::c_short;
    range.l_start = owner.try_into().unwrap_or(0);
    range.l_len = 1;
    range
}
