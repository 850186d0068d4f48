//! The files of one slot: two locks that are never unlinked, and two small files for those who look.

use std::path::{Path, PathBuf};

use crate::{
    Result,
    error::IoContext,
    host::lock::{Kind, Lock},
};

/// The files of one slot.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    dir: PathBuf,
    pub(super) number: usize,
}

impl Slot {
    pub(super) fn new(dir: &Path, number: usize) -> Self {
        Self {
            dir: dir.to_owned(),
            number,
        }
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.dir.join(format!("{:03}.{ending}", self.number))
    }

    /// Held by the leader, alone.
    pub(super) fn lead(&self) -> PathBuf {
        self.file("lead")
    }

    /// Held by all who wait, together.
    pub(super) fn wait(&self) -> PathBuf {
        self.file("wait")
    }

    /// How far the flight is.
    pub(super) fn progress(&self) -> PathBuf {
        self.file("json")
    }

    /// The request ids of all who asked, a line each.
    pub(super) fn ids(&self) -> PathBuf {
        self.file("ids")
    }

    /// Takes a lock of this slot. The caller holds the table.
    pub(super) fn take(path: &Path, kind: Kind) -> Result<Option<Lock>> {
        Lock::attempt(path, kind).context(|| format!("locking {}", path.display()))
    }
}
