//! Allocates the blocks and pages of a new shared file before the first store into it, because a store into a page that
//! a full tmpfs can't provide is a SIGBUS. Any thread that may wait for a disk.

use std::{
    fs::{self, File, Metadata, OpenOptions},
    io::{self, Seek as _, Write as _},
    os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use memmap2::MmapRaw;

use crate::{descriptors, file_size::without_sigxfsz};

/// Bytes that remain free on the file system after a segment was created.
const RESERVED_SPACE: u64 = 1 << 20;

/// Checks that the file system has space for a file of `bytes`, and for [`RESERVED_SPACE`] beside it.
///
/// # Errors
/// `StorageFull`; an I/O error.
pub(crate) fn check_space(dir: &Path, bytes: usize) -> io::Result<()> {
    let system = rustix::fs::statvfs(dir)?;
    let (free, needed) = (
        system.f_bavail.saturating_mul(system.f_frsize),
        bytes as u64 + RESERVED_SPACE,
    );
    if free < needed {
        let why = format!(
            "{}: found {} KiB left; expected {} KiB and {} KiB beside them",
            dir.display(),
            free >> 10,
            bytes >> 10,
            RESERVED_SPACE >> 10
        );
        return Err(io::Error::new(io::ErrorKind::StorageFull, why));
    }
    Ok(())
}

/// Creates an empty file that only its owner may open.
///
/// # Errors
/// `AlreadyExists`; an I/O error.
pub(super) fn create_new(path: &Path) -> io::Result<File> {
    descriptors::reserve_stdio();
    OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)
}

/// Lets the group open the file where the directory is the group's.
pub(super) fn inherit_group_mode(file: &File, dir: &Path) -> io::Result<()> {
    match dir.metadata()?.mode() & 0o060 {
        0 => Ok(()),
        group => file.set_permissions(fs::Permissions::from_mode(0o600 | group)),
    }
}

/// Sets the size of a file and allocates its blocks.
pub(super) fn allocate_blocks(file: &mut File, bytes: usize) -> io::Result<()> {
    let none = rustix::fs::FallocateFlags::empty();
    match without_sigxfsz(|| rustix::fs::fallocate(&*file, none, 0, bytes as u64)) {
        Ok(()) => Ok(()),
        // PERM: a filter of system calls.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            write_zeros(file, bytes)
        }
        Err(error) => Err(error.into()),
    }
}

/// Allocates all pages of a mapping. Where the kernel can't (before Linux 5.14), writes zeros to the file, which
/// reports a full disk as an error too.
pub(super) fn allocate_pages(map: &MmapRaw, file: &mut File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if map.advise(memmap2::Advice::PopulateWrite).is_ok() {
        return Ok(());
    }
    write_zeros(file, map.len())
}

fn write_zeros(file: &mut File, bytes: usize) -> io::Result<()> {
    file.rewind()?;
    let page = [0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let part = page.get(..left.min(page.len())).unwrap_or(&page);
        without_sigxfsz(|| file.write_all(part))?;
        left -= part.len();
    }
    Ok(())
}

/// Returns why a file at `path` can't be one that a process of this host created, its content apart; `None` if it can.
/// Such a file belongs to this user, to root or to the directory's owner (or to the group, where the directory is
/// shared), and not everybody may write to it.
///
/// # Errors
/// An I/O error of the directory.
pub(crate) fn check_owner(found: &Metadata, path: &Path) -> io::Result<Option<&'static str>> {
    let dir = path
        .parent()
        .ok_or(io::ErrorKind::InvalidInput)?
        .metadata()?;
    let owners = [0, rustix::process::geteuid().as_raw(), dir.uid()];
    let shared = dir.mode() & 0o020 != 0 && found.gid() == dir.gid();
    Ok(if !owners.contains(&found.uid()) && !shared {
        Some("it belongs to another user")
    } else if found.mode() & 0o002 != 0 {
        Some("everybody may write to it")
    } else {
        None
    })
}
