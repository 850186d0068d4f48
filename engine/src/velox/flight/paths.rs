//! Small files that the processes of a host read of each other: bounded, never followed through a
//! symbolic link, replaced by rename where a reader must not see them half. Blocking threads.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::{
    descriptors,
    failpoint::{FailPoint, reach},
    host::files,
};

/// A larger file is none of ours. An outcome with the longest log that is kept, of control characters only, each six
/// letters in JSON, is still one.
const MAX_BYTES: u64 = 8 << 20;

/// Writes a small file so that a reader sees all of it or the one before.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    descriptors::hold_standard();
    // A pid alone is no name of its own where containers share the directory.
    let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let temporary = path.with_extension(format!("{random:016x}.tmp"));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(&temporary)
        .and_then(|mut file| {
            // For those of the group that may enter the directory, whatever our umask is.
            file.set_permissions(fs::Permissions::from_mode(0o640))?;
            file.write_all(bytes)
        })
        .and_then(|()| {
            reach(FailPoint::FlightFile);
            fs::rename(&temporary, path)
        });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Reads a small file of ours. `None`: it is not there.
pub(super) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    files::read(path, MAX_BYTES)
}
