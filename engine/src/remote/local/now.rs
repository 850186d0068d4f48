//! Reads an artifact's record from the memory of the system alone: a lookup that need not wait for the disk needs no
//! blocking thread, which costs more than the lookup itself. Any thread.

use std::{
    fs::File,
    io::{self, IoSliceMut},
    path::Path,
};

use rustix::{
    fs::{CWD, Mode, OFlags, ResolveFlags, openat2},
    io::{ReadWriteFlags, preadv2},
};

use super::trailer;
use crate::remote::object::Metadata;

/// Opens a file if the kernel has its directories in memory.
///
/// # Errors
/// The system's; `WouldBlock` if it has to read the disk, another one if it does not know such calls.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = openat2(CWD, path, flags, Mode::empty(), ResolveFlags::CACHED)?;
    Ok(file.into())
}

/// The record of an open file, as [`trailer::read`] returns it.
///
/// # Errors
/// As [`open`].
pub(super) fn record(file: &File) -> io::Result<Option<Metadata>> {
    trailer::read(file, |bytes, offset| {
        let len = bytes.len();
        let buffers = &mut [IoSliceMut::new(bytes)];
        match preadv2(file, buffers, offset, ReadWriteFlags::NOWAIT)? == len {
            true => Ok(()),
            // The rest is on the disk.
            false => Err(io::ErrorKind::WouldBlock.into()),
        }
    })
}
