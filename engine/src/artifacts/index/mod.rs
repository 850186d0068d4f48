//! The mmap'd table of artifacts that all processes of the host share: a shadow of what is on disk,
//! found by key in tens of nanoseconds. Its size is fixed when it is made; when anything about it
//! is not as it should be, the answer is a miss.
//!
//! [`layout`] words and their places, [`tags`], [`slot`], [`sequence`]; [`segment`] and [`make`] the file; [`reader`] lookups,
//! [`writer`] changes, [`lock`] who may change; [`open`] how all this comes into being.

mod layout;
mod lock;
mod make;
mod open;
mod reader;
mod segment;
mod sequence;
mod slot;
mod tags;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::{Duration, SystemTime},
};

use layout::{Geometry, SCHEMA, word};
use lock::Gate;
use segment::Segment;
pub(super) use writer::{Note, Stored, Writer};

use super::changes::{self, Position};

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
        let gate = Gate::File(run_dir.join(format!("{name}.lock")));
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

    /// How many records it holds.
    pub(super) fn len(&self) -> u64 {
        self.header(word::ENTRIES)
    }

    /// Bytes of all binaries it knows.
    pub(super) fn total_size(&self) -> u64 {
        self.header(word::BYTES)
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

    /// Whether it was filled from the disk at least once.
    pub(super) fn is_filled(&self) -> bool {
        self.header(word::EPOCH) & 1 == 0
    }

    /// Whether it knows of changes that it missed.
    pub(super) fn wants_rescan(&self) -> bool {
        self.header(word::RESCAN) != 0
    }

    /// Before and after everything on disk was read: what is asked for in between counts anew.
    pub(super) fn rescan_begins(&self) {
        self.set_header(word::RESCAN, 0);
    }

    /// See [`Index::rescan_begins`].
    pub(super) fn rescan_ends(&self) {
        let epoch = self.header(word::EPOCH);
        self.set_header(word::EPOCH, epoch.wrapping_add(1) | 1);
        self.set_header(word::EPOCH, (epoch.wrapping_add(1) | 1).wrapping_add(1));
    }

    /// How far the log of changes was followed.
    pub(super) fn position(&self) -> Position {
        Position {
            file: self.header(word::LOG_FILE),
            offset: self.header(word::LOG_OFFSET),
        }
    }

    /// Everything up to there is known.
    pub(super) fn followed(&self, to: Position) {
        self.set_header(word::LOG_FILE, to.file);
        self.set_header(word::LOG_OFFSET, to.offset);
    }

    /// A change of ours ended there; where others stand before it, they are still to be followed.
    pub(super) fn followed_own(&self, to: Position) {
        let here = self.position();
        let next = here.file == to.file && here.offset + changes::RECORD == to.offset;
        let first = here == Position::default() && to.offset == 2 * changes::RECORD;
        if next || first {
            self.followed(to);
        }
    }

    /// Counts changes; see [`Index::exported`].
    pub(super) fn changes(&self) -> u64 {
        self.header(word::CHANGES)
    }

    /// Up to which count of changes `index.json` was written.
    pub(super) fn exported(&self) -> u64 {
        self.header(word::EXPORTED)
    }

    /// See [`Index::exported`].
    pub(super) fn set_exported(&self, changes: u64) {
        self.set_header(word::EXPORTED, changes);
    }

    /// The folder at which the next walk over the disk goes on.
    pub(super) fn walk(&self) -> u8 {
        self.header(word::WALK) as u8
    }

    /// See [`Index::walk`].
    pub(super) fn set_walk(&self, next: u8) {
        self.set_header(word::WALK, next.into());
    }

    /// See [`word::CLOCK`].
    pub(super) fn clock(&self) -> u64 {
        self.header(word::CLOCK)
    }

    /// See [`word::CLOCK`].
    pub(super) fn set_clock(&self, ahead_of_boot: u64) {
        self.set_header(word::CLOCK, ahead_of_boot);
    }

    /// How many were evicted on this host since the index was made: expired, least recently used.
    pub(super) fn evicted(&self) -> [u64; 2] {
        [word::EVICTED_EXPIRED, word::EVICTED_LRU].map(|at| self.header(at))
    }

    /// Whether a writer died over a change that nobody has repaired yet.
    pub(super) fn is_interrupted(&self) -> bool {
        word::JOURNAL
            .iter()
            .any(|(_, open)| self.header(*open) != 0)
    }
}
