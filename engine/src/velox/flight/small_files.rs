//! Small files that the processes of a host share: bounded, never opened through a symbolic link, replaced by rename
//! so that a reader never sees them half. Runs on blocking threads.

use std::{
    fs::{self, OpenOptions},
    io::{self, Write},
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::Path,
};

use crate::{descriptors, failpoint::failpoint, host::files};

/// The limit of a file. An outcome with the longest stored log, of control characters only, each six letters in JSON,
/// is below it.
const MAX_BYTES: u64 = 8 << 20;

/// Replaces a small file atomically.
pub(in crate::velox) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    descriptors::reserve_stdio();
    // A pid alone is not unique where containers share the directory.
    let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let temporary = path.with_extension(format!("{random:016x}.tmp"));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(&temporary)
        .and_then(|mut file| {
            // Readable for the group that may enter the directory, independent of the umask.
            file.set_permissions(fs::Permissions::from_mode(0o640))?;
            file.write_all(bytes)
        })
        .and_then(|()| {
            failpoint!("flight.file");
            fs::rename(&temporary, path)
        });
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}

/// Reads a small file, or returns `None` if it does not exist.
pub(in crate::velox) fn read_small(path: &Path) -> io::Result<Option<Vec<u8>>> {
    files::read(path, MAX_BYTES)
}
