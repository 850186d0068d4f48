//! Temporary files. A file is locked while it is written: a cleaner that acquires the lock knows that the writer is
//! dead, and otherwise leaves the file alone, however old it is. Threads that may wait for a disk.

use std::{fs::File, io, path::Path};

use rustix::fs::{Mode, fchmod};

use crate::artifacts::{dir_fd::DirFd, file_names::random_name};
use crate::{
    failpoint::failpoint,
    host::{
        fork,
        lock::{Lock, LockMode},
    },
};

/// Attempts to create a file; another process interferes by chance only, and for a moment.
const MAX_ATTEMPTS: usize = 8;

/// A temporary file; removed when it is dropped before it was published.
#[derive(Debug)]
pub(in crate::artifacts) struct TempFile {
    folder: DirFd,
    name: String,
    lock: Lock,
    generation: u32,
}

impl TempFile {
    /// Creates one in `folder`, which is the directory at `path`.
    pub(in crate::artifacts) fn new(folder: DirFd, path: &Path) -> io::Result<Self> {
        for _ in 0..MAX_ATTEMPTS {
            let name = random_name()?;
            drop(folder.create(&name)?);
            failpoint!("temp.made");
            let Some(lock) = Lock::attempt(&path.join(&name), LockMode::Exclusive)? else {
                // A cleaner locked it between these two lines, and removes it.
                continue;
            };
            // The lock is opened by path, which may lead to another directory by now.
            failpoint!("temp.locked");
            if folder.names_file(&name, lock.file())? {
                return Ok(Self {
                    folder,
                    name,
                    lock,
                    generation: fork::generation(),
                });
            }
        }
        Err(io::Error::other(
            "the directory is replaced again and again",
        ))
    }

    /// The file, at the offset of the last write.
    pub(in crate::artifacts) fn file(&self) -> &File {
        self.lock.file()
    }

    /// Makes its bytes durable and sets its final mode.
    pub(in crate::artifacts) fn seal(&self, mode: u16) -> io::Result<()> {
        fchmod(self.file(), Mode::from_raw_mode(mode.into()))?;
        self.file().sync_all()
    }

    /// Lets the directory's group write to it, and users that may enter the directory read it.
    pub(in crate::artifacts) fn share(&self) -> io::Result<()> {
        Ok(fchmod(self.file(), Mode::from_raw_mode(0o664))?)
    }

    /// Renames it to its final name, and replaces the file there; durable once that directory is synced.
    pub(in crate::artifacts) fn publish(self, target: &DirFd, name: &str) -> io::Result<()> {
        // After the rename, `drop` finds nothing to remove.
        self.folder.rename(&self.name, target, name)
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        if self.generation == fork::generation() {
            let _ = self.folder.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{io::Write as _, os::unix::fs::MetadataExt as _};

    #[test]
    fn unpublished_file_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let temp = TempFile::new(DirFd::open_path(dir.path()).unwrap(), dir.path()).unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        drop(temp);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn published_file_has_its_final_name_only() {
        let dir = tempfile::tempdir().unwrap();
        let temp = TempFile::new(DirFd::open_path(dir.path()).unwrap(), dir.path()).unwrap();
        temp.file().write_all(b"content").unwrap();
        temp.seal(0o755).unwrap();
        temp.publish(&DirFd::open_path(dir.path()).unwrap(), "final")
            .unwrap();
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
        let found = dir.path().join("final");
        assert_eq!(std::fs::read(&found).unwrap(), b"content");
        assert_eq!(found.metadata().unwrap().mode() & 0o7777, 0o755);
    }
}
