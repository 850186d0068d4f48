//! The mmap'd table of artifacts that all processes of the host share: a copy of the state on disk, found by key in
//! tens of nanoseconds. Its size is fixed at creation; any doubt about its content is a miss.
//!
//! [`layout`] words and their positions, [`slot`] a record as words, [`header`] the words about the whole table;
//! [`reader`] lookups on PHP's thread, [`writer`] changes, [`repair`], [`lock`] their exclusion, [`open`] opening and
//! creation.

mod header;
mod layout;
mod lock;
mod open;
mod reader;
mod repair;
mod slot;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, RwLock},
    time::{Duration, SystemTime},
};

use crate::shm::{Segment, segment};
use layout::{Geometry, SCHEMA};
use lock::WriterLock;

pub(super) use lock::LOCK_TIMEOUT;
pub(super) use writer::{Pending, Stored, Writer};

/// An open index.
#[derive(Debug)]
pub(super) struct Index {
    segment: Segment,
    geometry: Geometry,
    lock: WriterLock,
    path: Option<PathBuf>,
}

impl Index {
    /// Opens the index of the directory with that id, and creates it if it is absent. If `run_dir` has no space or
    /// can't be used, this process gets an index of its own, with a warning in the log.
    ///
    /// # Errors
    /// No memory.
    pub(super) fn open(run_dir: &Path, dir_id: u64, capacity: u32) -> io::Result<Self> {
        let geometry = Geometry::of(capacity);
        let name = format!("index-v{SCHEMA}-{dir_id:016x}-{}", geometry.capacity);
        let path = run_dir.join(format!("{name}.seg"));
        let lock = WriterLock::File(run_dir.join(format!("{name}.lock")), RwLock::default());
        match open::shared(&path, geometry, &lock) {
            Ok(segment) => Ok(Self {
                segment,
                geometry,
                lock,
                path: Some(path),
            }),
            Err(error) => {
                log::warn!(path:% = path.display(), error:%; "index not shared");
                let segment = Segment::anonymous(geometry.bytes())?;
                open::prepare(&segment, geometry);
                Ok(Self {
                    segment,
                    geometry,
                    lock: WriterLock::Private(Mutex::new(())),
                    path: None,
                })
            }
        }
    }

    /// Acquires the right to change the index. Returns `None` after the timeout, or if it can only be read.
    pub(super) fn writer(&self, timeout: Duration) -> Option<Writer<'_>> {
        if !self.segment.is_writable() {
            return None;
        }
        let guard = self.lock.acquire(timeout)?;
        Some(Writer {
            index: self,
            _guard: guard,
        })
    }

    /// Whether the shared file is not the mapped one any more, because a cleaner of temporary files or an operator
    /// removed it. One system call.
    pub(super) fn is_stale(&self) -> bool {
        self.path()
            .is_some_and(|path| !self.segment.is_current(path))
    }

    /// Maps the file that another process created in place of a removed one, and returns whether it did. Never waits;
    /// while this process writes, a later call does it.
    pub(super) fn renew(&self) -> bool {
        let (Some(path), Some(_excluded)) = (self.path(), self.lock.try_exclude_writers()) else {
            return false;
        };
        match open::renew(&self.segment, path, self.geometry) {
            Ok(renewed) => renewed,
            Err(error) => {
                log::debug!(path:% = path.display(), error:%; "index not renewed");
                false
            }
        }
    }

    /// How many records it can hold.
    pub(super) const fn capacity(&self) -> u32 {
        self.geometry.capacity
    }

    /// Mapped bytes.
    pub(super) const fn mapped(&self) -> usize {
        self.geometry.bytes()
    }

    /// The shared file, or `None` if this process has an index of its own.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Removes the segments beside this one that crashed processes left half-made, and returns how many. Creation does
    /// so too, but happens once a boot.
    pub(super) fn sweep(&self, now: SystemTime) -> u64 {
        let dir = self.path().and_then(Path::parent);
        dir.map_or(0, |dir| segment::sweep(dir, now))
    }

    /// Removes the file of a directory that is gone. Processes that have it mapped keep their mapping.
    pub(super) fn retire(&self) {
        if let Some(path) = self.path().filter(|path| self.segment.is_current(path)) {
            log::info!(path:% = path.display(); "index of a directory that is gone removed");
            let _ = std::fs::remove_file(path);
        }
    }
}
