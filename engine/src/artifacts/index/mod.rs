//! The mmap'd table of artifacts that all processes of the host share: a shadow of what is on disk,
//! found by key in tens of nanoseconds. Its size is fixed when it is made; when anything about it
//! is not as it should be, the answer is a miss.
//!
//! [`layout`] words and their places, [`header`] those about the whole, [`group`], [`slot`], [`seqlock`]; [`segment`] and [`make`] the file; [`reader`] lookups,
//! [`writer`] changes, [`lock`] who may change; [`open`] how all this comes into being.

mod group;
mod header;
mod layout;
mod lock;
mod make;
mod open;
mod reader;
mod segment;
mod seqlock;
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

use layout::{Geometry, SCHEMA};
use lock::Gate;
use segment::Segment;
pub(super) use writer::{Note, Stored, Writer};

/// How long a change waits for the writers before it.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// An open index.
#[derive(Debug)]
pub(super) struct Index {
    segment: Segment,
    geometry: Geometry,
    gate: Gate,
    path: Option<PathBuf>,
}

impl Index {
    /// Opens the index of the directory that `identity` stands for, and makes it where there is
    /// none. Where `run_dir` has no room, or can't be used, this process gets one of its own, with
    /// a warning in the log.
    ///
    /// # Errors
    /// Not even memory can be had.
    pub(super) fn open(run_dir: &Path, identity: u64, capacity: u32) -> io::Result<Self> {
        let geometry = Geometry::of(capacity);
        let name = format!("index-v{SCHEMA}-{identity:016x}-{}", geometry.capacity);
        let path = run_dir.join(format!("{name}.seg"));
        let gate = Gate::File(run_dir.join(format!("{name}.lock")), RwLock::default());
        match open::shared(&path, geometry, &gate) {
            Ok(segment) => Ok(Self {
                segment,
                geometry,
                gate,
                path: Some(path),
            }),
            Err(error) => {
                log::warn!(path:% = path.display(), error:%; "index not shared");
                let segment = Segment::anonymous(geometry.bytes())?;
                open::prepare(&segment, geometry);
                Ok(Self {
                    segment,
                    geometry,
                    gate: Gate::Private(Mutex::new(())),
                    path: None,
                })
            }
        }
    }

    /// The right to change it. `None`: not within the time, or it can only be read.
    pub(super) fn writer(&self, patience: Duration) -> Option<Writer<'_>> {
        if !self.segment.is_writable() {
            return None;
        }
        let held = self.gate.enter(patience)?;
        Some(Writer {
            index: self,
            _held: held,
        })
    }

    /// Whether the file that processes share is not the mapped one any more: a cleaner of temporary
    /// files, or an operator, has removed it. One system call.
    pub(super) fn is_stale(&self) -> bool {
        self.path()
            .is_some_and(|path| !self.segment.stands_at(path))
    }

    /// Maps the file that others have made in the place of a removed one. `true`: it is mapped now. Never
    /// waits; where this process writes at the moment, a later call does it.
    pub(super) fn renew(&self) -> bool {
        let (Some(path), Some(_alone)) = (self.path(), self.gate.alone()) else {
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

    /// Bytes that are mapped.
    pub(super) const fn mapped(&self) -> usize {
        self.geometry.bytes()
    }

    /// The file that processes share; `None`: this process has its own.
    pub(super) fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Removes what processes left that died while they made this index. Whoever makes one does so too,
    /// but it is made once a boot.
    pub(super) fn sweep(&self, now: SystemTime) -> u64 {
        self.path().map_or(0, |path| make::sweep(path, now))
    }

    /// Removes its file, which nobody will look for again; whoever has it mapped goes on with it.
    pub(super) fn retire(&self) {
        if let Some(path) = self
            .path
            .as_deref()
            .filter(|path| self.segment.stands_at(path))
        {
            log::info!(path:% = path.display(); "index of a directory that is gone removed");
            let _ = std::fs::remove_file(path);
        }
    }
}
