//! The name of a socket in the file system. Any thread.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Removes the name when it is dropped, unless it leads to another file by then. It is dropped before the socket is
/// closed: an open socket keeps its inode, so no other file has the same number.
#[derive(Debug)]
pub struct SocketName(SocketPlace);

/// A name, and the socket that it has led to.
#[derive(Debug, Clone)]
pub struct SocketPlace {
    path: PathBuf,
    identity: (u64, u64),
}

impl SocketName {
    /// The name of the socket that is there.
    ///
    /// # Errors
    /// The system's.
    pub fn of(path: &Path) -> io::Result<Self> {
        Ok(Self(SocketPlace {
            path: path.to_owned(),
            identity: identity(path)?,
        }))
    }

    /// The name and its socket.
    #[must_use]
    pub fn place(&self) -> SocketPlace {
        self.0.clone()
    }
}

impl SocketPlace {
    /// Whether the name leads to the socket.
    #[must_use]
    pub fn is_current(&self) -> bool {
        identity(&self.path).is_ok_and(|found| found == self.identity)
    }
}

impl Drop for SocketName {
    fn drop(&mut self) {
        if self.0.is_current() {
            let _ = fs::remove_file(&self.0.path);
        }
    }
}

fn identity(path: &Path) -> io::Result<(u64, u64)> {
    let found = fs::symlink_metadata(path)?;
    Ok((found.dev(), found.ino()))
}
