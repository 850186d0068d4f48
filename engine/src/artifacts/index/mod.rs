//! The mmap'd table of artifacts that all processes of the host share: a shadow of what is on disk,
//! found by key in tens of nanoseconds. Its size is fixed when it is made; when anything about it
//! is not as it should be, the answer is a miss.
//!
//! [`layout`] words and their places, [`tags`], [`slot`]; [`segment`] the file; [`reader`] lookups,
//! [`writer`] changes, [`lock`] who may change.

mod layout;
mod lock;
mod reader;
mod segment;
mod slot;
mod tags;
#[cfg(test)]
mod tests;
mod writer;

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Mutex,
    time::Duration,
};

use layout::{Geometry, MAGIC, SCHEMA, word};
use lock::Gate;
use segment::Segment;
pub(super) use writer::{Note, Stored, Writer};

use super::changes::{self, Position};
use crate::host::clock;

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
        match shared(&path, geometry, &gate) {
            Ok(segment) => Ok(Self {
                segment,
                geometry,
                gate,
                path: Some(path),
            }),
            Err(error) => {
                log::warn!(path:% = path.display(), error:%; "index not shared");
                let segment = Segment::anonymous(geometry.bytes())?;
                prepare(&segment, geometry);
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

/// Opens or makes the segment that processes share.
fn shared(path: &Path, geometry: Geometry, gate: &Gate) -> io::Result<Segment> {
    let bytes = geometry.bytes();
    // Twice: who loses the race of making it opens the winner's.
    for _ in 0..2 {
        match Segment::open(path, bytes) {
            Ok(Some(segment)) if is_ours(&segment, geometry) => return Ok(segment),
            Ok(None) => {}
            Ok(Some(_)) => replace(path, geometry, gate, "its header is not ours")?,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                replace(path, geometry, gate, &error.to_string())?;
            }
            Err(error) => return Err(error),
        }
        if let Some(segment) = Segment::create(path, bytes, |new| prepare(new, geometry))? {
            return Ok(segment);
        }
    }
    Err(io::Error::other("the index is replaced again and again"))
}

/// Removes a file that is no index of ours; under the lock, so that two who notice don't remove
/// each other's new one.
fn replace(path: &Path, geometry: Geometry, gate: &Gate, why: &str) -> io::Result<()> {
    let _held = gate
        .enter(PATIENCE)
        .ok_or_else(|| io::Error::other("another process keeps its lock"))?;
    if let Ok(Some(segment)) = Segment::open(path, geometry.bytes())
        && is_ours(&segment, geometry)
    {
        return Ok(());
    }
    log::warn!(path:% = path.display(), why; "index replaced");
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes the header of a new segment.
fn prepare(segment: &Segment, geometry: Geometry) {
    for (at, value) in frozen(geometry).into_iter().chain([(word::EPOCH, 1)]) {
        if let Some(word) = segment.words().get(at) {
            layout::store(word, value, std::sync::atomic::Ordering::Release);
        }
    }
}

/// Whether the header says what we would have written, in this boot.
fn is_ours(segment: &Segment, geometry: Geometry) -> bool {
    frozen(geometry).into_iter().all(|(at, value)| {
        segment
            .words()
            .get(at)
            .is_some_and(|word| layout::load(word, std::sync::atomic::Ordering::Acquire) == value)
    })
}

fn frozen(geometry: Geometry) -> [(usize, u64); 5] {
    [
        (word::MAGIC, MAGIC),
        (word::SCHEMA, SCHEMA),
        (word::CAPACITY, geometry.capacity.into()),
        (word::GROUPS, geometry.groups as u64),
        (
            word::BOOT,
            super::ConfigDigest::of(clock::boot_id().as_bytes()).0,
        ),
    ]
}
