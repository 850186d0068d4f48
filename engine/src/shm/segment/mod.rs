//! A file of fixed size that processes share through memory: created whole, published once, never truncated. Everything
//! in it may be changed by other processes at any moment, hence words that are atomics. Created and opened on the
//! thread that first needs it; used by any thread.

mod create;
#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{MetadataExt as _, OpenOptionsExt as _},
    },
    path::Path,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

use memmap2::{MmapOptions, MmapRaw};

use super::allocate;
use crate::descriptors;

pub(crate) use create::{Opened, sweep};

/// A mapped file, or memory of this process alone.
#[derive(Debug)]
pub(crate) struct Segment {
    map: MmapRaw,
    writable: bool,
    /// Device and inode of the mapped file; zeros for memory of this process alone. Atomics and no lock, because a
    /// forked child may read them.
    file: [AtomicU64; 2],
}

impl Segment {
    /// Maps the file at `path`, of any size. Returns `None` if it is absent.
    ///
    /// # Errors
    /// `InvalidData` for a file that no process of this host can have created; an I/O error.
    pub(crate) fn open(path: &Path) -> io::Result<Option<Self>> {
        Self::open_for(path, true)
    }

    /// As [`Segment::open`], for reading only: nothing may be stored into it.
    ///
    /// # Errors
    /// As [`Segment::open`].
    pub(crate) fn read_only(path: &Path) -> io::Result<Option<Self>> {
        Self::open_for(path, false)
    }

    fn open_for(path: &Path, writable: bool) -> io::Result<Option<Self>> {
        let Some((file, bytes)) = open_file(path, writable)? else {
            return Ok(None);
        };
        Self::map(&file, bytes, writable).map(Some)
    }

    /// Allocates memory of this process alone, for where no file can be had; its content dies with the process.
    ///
    /// # Errors
    /// No memory.
    pub(crate) fn anonymous(bytes: usize) -> io::Result<Self> {
        Ok(Self {
            map: MmapRaw::from(MmapOptions::new().len(bytes).map_anon()?),
            writable: true,
            file: Default::default(),
        })
    }

    fn map(file: &File, bytes: usize, writable: bool) -> io::Result<Self> {
        let mut options = MmapOptions::new();
        options.len(bytes);
        let map = if writable {
            options.map_raw(file)?
        } else {
            options.map_raw_read_only(file)?
        };
        let found = file.metadata()?;
        Ok(Self {
            map,
            writable,
            file: [found.dev().into(), found.ino().into()],
        })
    }

    /// Checks that the segment has `bytes`.
    ///
    /// # Errors
    /// `InvalidData`.
    pub(crate) fn check_size(&self, bytes: usize) -> io::Result<()> {
        if self.bytes() == bytes {
            return Ok(());
        }
        let why = format!("found {} bytes; expected {bytes}", self.bytes());
        Err(io::Error::new(io::ErrorKind::InvalidData, why))
    }

    /// Size in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.map.len()
    }

    /// Whether stores are allowed: it was not opened by [`Segment::read_only`].
    #[inline]
    pub(crate) const fn is_writable(&self) -> bool {
        self.writable
    }

    /// The first byte. Valid for [`Segment::bytes`], aligned to a page, for as long as `self` lives.
    pub(crate) fn base(&self) -> NonNull<u8> {
        NonNull::new(self.map.as_mut_ptr()).unwrap_or(NonNull::dangling())
    }

    /// All words of 8 bytes.
    #[inline]
    pub(crate) fn words(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, that long, and lives as long as `self`; all processes touch its words as
        // atomics of this size. No process truncates the file, and its directory is closed to other users.
        unsafe { std::slice::from_raw_parts(self.map.as_mut_ptr().cast(), self.map.len() / 8) }
    }

    /// The word at `index`, or `None` beyond the end.
    #[inline]
    pub(crate) fn word(&self, index: usize) -> Option<&AtomicU64> {
        self.words().get(index)
    }

    /// Writes all pages to the disk, and waits for that.
    ///
    /// # Errors
    /// An I/O error.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.map.flush()
    }

    /// Whether `path` leads to the mapped file. It does not once the file was removed, by a cleaner of temporary files
    /// for one, and perhaps created anew. One system call.
    pub(crate) fn is_current(&self, path: &Path) -> bool {
        let [device, inode] = self.file.each_ref().map(|id| id.load(Ordering::Relaxed));
        let named = path.symlink_metadata();
        named.is_ok_and(|named| (device, inode) == (named.dev(), named.ino()))
    }

    /// Whether `file` is the mapped one.
    ///
    /// # Errors
    /// An I/O error.
    pub(crate) fn is_file(&self, file: &File) -> io::Result<bool> {
        let found = file.metadata()?;
        let [device, inode] = self.file.each_ref().map(|id| id.load(Ordering::Relaxed));
        Ok((device, inode) == (found.dev(), found.ino()))
    }

    /// Maps the file now at `path` in place of the mapped one, if it has the same size and `accept` takes it. Returns
    /// `false` if it does not. Readers see the old words or the new ones; the caller keeps the writers of this process
    /// out.
    ///
    /// # Errors
    /// As [`Segment::open`].
    pub(crate) fn remap(
        &self,
        path: &Path,
        accept: impl FnOnce(&Self) -> bool,
    ) -> io::Result<bool> {
        let Some((file, bytes)) = open_file(path, self.writable)? else {
            return Ok(false);
        };
        let new = Self::map(&file, bytes, false)?;
        new.check_size(self.bytes())?;
        if !accept(&new) {
            return Ok(false);
        }
        let protection = libc::PROT_READ | if self.writable { libc::PROT_WRITE } else { 0 };
        // SAFETY: the range is the whole of our own shared mapping, which stays mapped throughout: the kernel puts the
        // new file in its place in one step. Both have the same length, and are unmapped with it. All access to the
        // range is by atomics, and no reference depends on which file it is.
        let mapped = unsafe {
            libc::mmap(
                self.map.as_mut_ptr().cast(),
                bytes,
                protection,
                libc::MAP_SHARED | libc::MAP_FIXED,
                file.as_raw_fd(),
                0,
            )
        };
        if mapped == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        for (own, found) in self.file.iter().zip(&new.file) {
            own.store(found.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        Ok(true)
    }
}

/// Opens a file that can be a segment, and returns its size. Returns `None` if it is absent.
fn open_file(path: &Path, write: bool) -> io::Result<Option<(File, usize)>> {
    descriptors::reserve_stdio();
    let opened = OpenOptions::new()
        .read(true)
        .write(write)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let found = file.metadata()?;
    let why = if !found.is_file() || found.len() == 0 || !found.len().is_multiple_of(8) {
        Some("it is no segment")
    } else {
        allocate::check_owner(&found, path)?
    };
    match why {
        Some(why) => Err(io::Error::new(io::ErrorKind::InvalidData, why)),
        None => Ok(Some((
            file,
            usize::try_from(found.len()).map_err(io::Error::other)?,
        ))),
    }
}
