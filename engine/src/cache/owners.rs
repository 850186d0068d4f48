//! The processes that write: each holds the lock of one byte of the segment's file for as long as it lives, and its
//! number is that of the byte. The kernel releases the lock of a killed process, in any container; the blocks that it
//! had reserved are returned by the process that gets the lock next. On PHP's threads and the leader's.

use std::{
    fs::{File, OpenOptions},
    io,
    os::{fd::AsRawFd as _, unix::fs::OpenOptionsExt as _},
    path::Path,
    sync::atomic::{Ordering, fence},
};

use super::{
    blocks::Blocks,
    layout::MAX_OWNERS,
    memory::Memory,
    words::{BlockState, BlockWord},
};
use crate::{descriptors, host::fork_descriptors};

/// Attempts to read the entry of a slot that other processes change.
const MAX_READS: usize = 64;
/// Word of an owner: whether blocks may be reserved under its number.
const IN_USE: u64 = 1;

/// The segment's file, opened for its locks.
#[derive(Debug)]
pub(super) struct Owners {
    file: File,
    /// Number of this process; 0: none yet.
    own: usize,
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
        Ok(Self { file, own: 0 })
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
                self.own = owner;
                let word = memory.word(memory.layout.owners + owner);
                if word.swap(IN_USE, Ordering::AcqRel) == IN_USE {
                    return_blocks(memory, owner);
                }
                return Ok(());
            }
        }
        Err(io::Error::other("too many processes use the cache"))
    }

    /// Returns the blocks of dead processes. Returns the number of these processes.
    pub(super) fn recover(&self, memory: &Memory) -> usize {
        (1..MAX_OWNERS)
            .filter(|owner| {
                let word = memory.word(memory.layout.owners + owner);
                // A lock of this file's own would be granted again.
                if *owner == self.own || word.load(Ordering::Acquire) != IN_USE {
                    return false;
                }
                let is_dead = self.lock(*owner).unwrap_or(false);
                if is_dead {
                    return_blocks(memory, *owner);
                    word.store(0, Ordering::Release);
                    let _ = self.set_lock(*owner, libc::F_UNLCK);
                }
                is_dead
            })
            .count()
    }

    /// Gives the number up.
    pub(super) fn release(&self, memory: &Memory) {
        if self.own != 0 {
            memory
                .word(memory.layout.owners + self.own)
                .store(0, Ordering::Release);
        }
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

    #[allow(clippy::cast_possible_truncation, reason = "constants of C's short")]
    fn set_lock(&self, owner: usize, kind: libc::c_int) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        const SET: libc::c_int = libc::F_OFD_SETLK;
        #[cfg(not(target_os = "linux"))]
        const SET: libc::c_int = libc::F_SETLK;
        // SAFETY: a C struct of numbers, for which zero is valid.
        let mut range: libc::flock = unsafe { std::mem::zeroed() };
        range.l_type = kind as libc::c_short;
        range.l_whence = libc::SEEK_SET as libc::c_short;
        range.l_start = owner.try_into().unwrap_or(0);
        range.l_len = 1;
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

/// Returns the slabs and blocks that a dead owner had reserved, and the blocks of entries that it had removed. The
/// caller holds its lock.
fn return_blocks(memory: &Memory, owner: usize) {
    let blocks = Blocks::new(memory, owner, 0, 0);
    for slab in 0..memory.layout.slab_count {
        let word = memory.load_slab(slab);
        let Some(class) = word.class() else { continue };
        if word.owner() == owner {
            blocks.restore_slab(slab, class);
        }
    }
    for block in 0..memory.layout.granules() {
        let word = memory.load_block(block);
        let is_reserved = word.state() == BlockState::Reserved && word.owner() == owner;
        let is_published = matches!(word.state(), BlockState::First | BlockState::Part);
        if !is_reserved && !is_published {
            continue;
        }
        match state_in_entry(memory, &blocks, block, word) {
            // The owner was killed after it had stored the entry.
            Membership::Member(state) if is_reserved => blocks.publish(block, word, state),
            Membership::Member(_) => {}
            // If a living process is about to free it, both try, and one succeeds.
            Membership::None => drop(blocks.free(block, word)),
            // A dead owner does not store an entry again.
            Membership::Unknown if is_reserved => drop(blocks.free(block, word)),
            Membership::Unknown => {}
        }
    }
}

/// Whether a block is one of the entry of its slot.
enum Membership {
    /// It is, in this state.
    Member(BlockState),
    /// It is not.
    None,
    /// Other processes change the slot all the time.
    Unknown,
}

fn state_in_entry(
    memory: &Memory,
    blocks: &Blocks<'_>,
    block: usize,
    word: BlockWord,
) -> Membership {
    if word.link() == 0 {
        return Membership::None;
    }
    for _ in 0..MAX_READS {
        let slot = memory.load_slot(word.link());
        let entry = blocks.blocks_of(slot);
        let entry = entry.filter(|entry| entry.contains(block));
        // The blocks of the entry are read before the slot is read again.
        fence(Ordering::Acquire);
        if memory.load_slot(word.link()).is_same(slot) {
            return entry.map_or(Membership::None, |entry| {
                Membership::Member(entry.state_of(block))
            });
        }
    }
    Membership::Unknown
}
