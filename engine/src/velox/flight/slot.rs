//! The files of one slot: two locks that are never unlinked, and two small files that other processes read.

use std::path::{Path, PathBuf};

use crate::{
    Result,
    error::IoContext,
    host::lock::{Lock, LockMode},
};

/// The files of one slot.
#[derive(Debug, Clone)]
pub(super) struct FlightSlot {
    dir: PathBuf,
    pub(super) number: usize,
}

impl FlightSlot {
    /// Names the files of slot `number`; opens none.
    pub(super) fn new(dir: &Path, number: usize) -> Self {
        Self {
            dir: dir.to_owned(),
            number,
        }
    }

    fn file(&self, extension: &str) -> PathBuf {
        self.dir.join(format!("{:03}.{extension}", self.number))
    }

    /// The lock that the leader holds exclusively.
    pub(super) fn leader_lock(&self) -> PathBuf {
        self.file("lead")
    }

    /// The lock that all followers share.
    pub(super) fn follower_lock(&self) -> PathBuf {
        self.file("wait")
    }

    /// The progress that the leader publishes.
    pub(super) fn progress(&self) -> PathBuf {
        self.file("json")
    }

    /// The request ids of all subscribers of the host, a line each.
    pub(super) fn request_ids(&self) -> PathBuf {
        self.file("ids")
    }

    /// Tries to acquire a lock of this slot. The caller holds the table.
    pub(super) fn try_lock(path: &Path, kind: LockMode) -> Result<Option<Lock>> {
        Lock::attempt(path, kind).context(|| format!("locking {}", path.display()))
    }
}
