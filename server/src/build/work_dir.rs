//! The directory of one build. Any thread; removing it may take a moment.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use tokio::task::spawn_blocking;

use super::configuration::Configuration;

/// The directory of one build, removed when it is dropped.
#[derive(Debug)]
pub(super) struct WorkDir(PathBuf);

impl WorkDir {
    /// Makes the directory below `parent`. What an earlier build failed to remove there is removed first.
    ///
    /// # Errors
    /// The file system's.
    pub(super) fn create(parent: &Path, configuration: &Configuration) -> io::Result<Self> {
        let fingerprint = configuration.fingerprint();
        let dir = parent.join(fingerprint.get(..32).unwrap_or_default());
        if dir.exists() {
            fs::remove_dir_all(&dir)?;
        }
        let work_dir = Self(dir);
        fs::create_dir_all(work_dir.module())?;
        fs::create_dir_all(work_dir.temporary())?;
        Ok(work_dir)
    }

    /// The directory of the module.
    pub(super) fn module(&self) -> PathBuf {
        self.0.join("module")
    }

    /// The directory for temporary files of `go`, so that none outlives the build.
    pub(super) fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Removes the directory on a blocking thread, since a stopped build may leave thousands of files.
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
