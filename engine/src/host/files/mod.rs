//! Files and directories that processes share, those of several users too (`pillion.group`). New ones get their mode
//! from the directory that they are created in, whatever the umask of the first process is. Content may come from any
//! user that may enter the directory, so a link is not followed, a pipe does not block, and sizes are bounded. Any
//! thread that may wait for a disk.

mod directories;
#[cfg(test)]
mod tests;

use std::{
    fs::{File, OpenOptions, Permissions},
    io::{self, Read as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use directories::{GROUP_WRITES, parent, parent_mode};
pub use directories::{
    create_dir, create_dir_all, create_dir_with_parent, create_group_dir, inherited_mode,
    is_unfinished,
};

use crate::descriptors;

/// Mode of a file that a group shares.
const SHARED_FILE: u32 = 0o660;
/// Attempts to open or create a file that is removed meanwhile.
const MAX_ATTEMPTS: usize = 4;

/// Opens a file that several processes write, and creates it if it is absent: for its owner, and for the group where
/// the directory is the group's.
///
/// # Errors
/// An I/O error; the path leads to something else than a regular file.
pub fn open(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    descriptors::reserve_stdio();
    let options = options.custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK);
    // Again if a cleaner removes it between two lines.
    for _ in 0..MAX_ATTEMPTS {
        match options.open(path) {
            Ok(file) if file.metadata()?.is_file() => return Ok(file),
            Ok(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidData,
                    "no regular file",
                ));
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => create_shared(path)?,
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

/// Creates an empty file with its final mode, so that another user never finds one that it can't open. Only the first
/// process creates it.
fn create_shared(path: &Path) -> io::Result<()> {
    let shared = parent_mode(path)? & (GROUP_WRITES | 0o002) == GROUP_WRITES;
    let made = if !shared {
        create(path).map(drop)
    } else if create_linked(path, parent(path)).is_ok() {
        return Ok(());
    } else {
        // A file system without unnamed files, or no /proc.
        create(path).and_then(|file| file.set_permissions(Permissions::from_mode(SHARED_FILE)))
    };
    match made {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)
}

#[cfg(target_os = "linux")]
fn create_linked(path: &Path, dir: &Path) -> io::Result<()> {
    use std::os::fd::AsRawFd as _;

    use rustix::fs::{AtFlags, CWD, linkat};

    let file = OpenOptions::new()
        .write(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_TMPFILE)
        .open(dir)?;
    file.set_permissions(Permissions::from_mode(SHARED_FILE))?;
    let unnamed = format!("/proc/self/fd/{}", file.as_raw_fd());
    match linkat(CWD, unnamed, CWD, path, AtFlags::SYMLINK_FOLLOW) {
        Err(rustix::io::Errno::EXIST) => Ok(()),
        linked => Ok(linked?),
    }
}

#[cfg(not(target_os = "linux"))]
fn create_linked(_: &Path, _: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Reads a small file. Returns `None` if it is absent.
///
/// # Errors
/// An I/O error; it is no regular file, or has more than `max_bytes`.
pub fn read(path: &Path, max_bytes: u64) -> io::Result<Option<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let refuse = |why| Err(io::Error::new(io::ErrorKind::InvalidData, why));
    if !file.metadata()?.is_file() {
        return refuse("no regular file");
    }
    let mut bytes = Vec::new();
    file.take(max_bytes.saturating_add(1))
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > max_bytes {
        return refuse("too large");
    }
    Ok(Some(bytes))
}
