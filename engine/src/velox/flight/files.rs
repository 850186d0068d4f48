//! Small files that the processes of a host read of each other: bounded, never followed through a
//! symbolic link, replaced by rename where a reader must not see them half. Blocking threads.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::failpoint::{Place, reach};

/// A larger file is none of ours. An outcome with the longest log that is kept, of control characters only, each six
/// letters in JSON, is still one.
const MAX_BYTES: u64 = 8 << 20;

/// Makes a directory with the rights of the one above it, so that a group that shares that one shares
/// this one too, whatever our umask is.
pub(in crate::velox) fn make_dir(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent)?;
    match fs::create_dir(path) {
        Ok(()) => {
            let mode = parent.metadata()?.mode() & 0o2775;
            fs::set_permissions(path, fs::Permissions::from_mode(mode | 0o700))
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

/// Opens a file that several processes write, and makes it for the group too, whatever our umask is.
pub(super) fn open_shared(path: &Path, options: &mut OpenOptions) -> io::Result<File> {
    let file = options
        .create(true)
        .mode(0o660)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() == 0 && metadata.mode() & 0o777 != 0o660 {
        // Only its owner may; for the others it is as it is.
        let _ = file.set_permissions(fs::Permissions::from_mode(0o660));
    }
    Ok(file)
}

/// Writes a small file so that a reader sees all of it or the one before.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension(format!("{}.tmp", std::process::id()));
    let written = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o660)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| {
            reach(Place::FlightFile);
            fs::rename(&temporary, path)
        });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Reads a small file of ours. `None`: it is not there.
pub(super) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path);
    let file = match file {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other("too large"));
    }
    Ok(Some(bytes))
}
