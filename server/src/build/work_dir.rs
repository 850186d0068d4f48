//! The directory in which one build happens. Any thread; removing it may take a moment.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

use crate::build::configuration::Configuration;

/// The directory of one build; gone when it is dropped.
#[derive(Debug)]
pub(super) struct WorkDir(PathBuf);

impl WorkDir {
    /// Makes it, below `work`. What a build that could not clean up left there goes first.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn make(work: &Path, configuration: &Configuration) -> io::Result<Self> {
        let fingerprint = configuration.fingerprint();
        let dir = work.join(fingerprint.get(..32).unwrap_or_default());
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        let room = Self(dir);
        fs::create_dir_all(room.module())?;
        fs::create_dir_all(room.temporary())?;
        Ok(room)
    }

    /// Where the module is written.
    pub(super) fn module(&self) -> PathBuf {
        self.0.join("module")
    }

    /// Where `go` may put its own temporary files, so that none outlives the build.
    pub(super) fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Removes it. Thousands of files may lie there after a stop: not on a thread that serves others.
    pub(super) async fn remove(self) {
        let _ = spawn_blocking(move || drop(self)).await;
    }
}

impl Drop for WorkDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            log::warn!(path:% = self.0.display(), error:%; "build directory not removed");
        }
    }
}
