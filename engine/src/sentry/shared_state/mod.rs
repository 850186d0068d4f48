//! State that all processes of the host share: rate limits, losses that are not reported yet, reachability of
//! destinations, counters. Segments of words, each changed by single atomic operations, so that the death of a process
//! can't leave one half-changed. They belong to one boot, because deadlines are times since boot. Any thread.
//!
//! * [`counts`]: counters; [`project`]: rate limits and losses; `reachability` reads the words of destinations.

mod counts;
mod project;

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock, atomic::AtomicU64},
};

pub use counts::Count;
pub use project::{Loss, ProjectSlot};

use crate::{
    host::clock,
    shm::{Segment, owner_slots::OwnerSlots},
};

/// Prefix of the names of segments.
const PREFIX: &str = "sentry-v2-";

/// Words for counters at the start of a segment.
const COUNT_WORDS: usize = 64;
/// Projects of a segment; further ones are in the next segment.
const MAX_PROJECTS: usize = 64;
/// Segments of one host.
const MAX_SEGMENTS: usize = 64;
/// Destinations of a segment, and the words of each: see [`reachability`](super::reachability).
pub(super) const MAX_DESTINATIONS: usize = 32;
const DESTINATION_WORDS: usize = 8;
const DESTINATIONS_FROM: usize = COUNT_WORDS + MAX_PROJECTS * project::WORDS;
const DESTINATIONS: OwnerSlots =
    OwnerSlots::new(DESTINATIONS_FROM, MAX_DESTINATIONS, DESTINATION_WORDS);
const BYTES: usize = (DESTINATIONS_FROM + MAX_DESTINATIONS * DESTINATION_WORDS) * 8;

/// One segment of the shared state, and the way to the next one. Every process maps the first; further ones are opened
/// when a project or destination has no slot in it.
#[derive(Debug)]
pub struct SharedState {
    segment: Segment,
    /// The directory of the segments. `None`: the segment is private to this process.
    dir: Option<PathBuf>,
    number: usize,
    next: OnceLock<Option<Arc<Self>>>,
}

/// The slot of a destination in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DestinationSlot(pub(super) usize);

impl SharedState {
    /// Opens the first segment in `run_dir`, or one that is private to this process if there is no `run_dir` or the
    /// segment can't be mapped.
    ///
    /// # Errors
    /// Out of memory.
    pub fn open(run_dir: Option<&Path>) -> io::Result<Self> {
        Self::open_number(run_dir, 0)
    }

    /// Opens the first segment in `run_dir`. `None`: no process has created it, or it can't be opened.
    pub(super) fn existing(run_dir: &Path) -> Option<Self> {
        Self::existing_number(run_dir, 0)
    }

    fn existing_number(run_dir: &Path, number: usize) -> Option<Self> {
        let segment = Segment::open(&segment_path(run_dir, number)).ok()??;
        segment.check_size(BYTES).ok()?;
        Some(Self {
            segment,
            dir: Some(run_dir.to_owned()),
            number,
            next: OnceLock::new(),
        })
    }

    fn open_number(run_dir: Option<&Path>, number: usize) -> io::Result<Self> {
        let of = |segment, dir| Self {
            segment,
            dir,
            number,
            next: OnceLock::new(),
        };
        let Some(dir) = run_dir else {
            return Ok(of(Segment::anonymous(BYTES)?, None));
        };
        let path = segment_path(dir, number);
        match Segment::open_or_create(&path, BYTES, |_| {}) {
            Ok(opened) => Ok(of(opened.into_segment(), Some(dir.to_owned()))),
            Err(error) => {
                log::warn!(path:% = path.display(), error:%; "Sentry's rate limits not shared with other processes");
                Ok(of(Segment::anonymous(BYTES)?, None))
            }
        }
    }

    /// The segments after this one that processes have created.
    pub(super) fn existing_next(&self) -> impl Iterator<Item = Self> {
        let dir = self.dir.clone();
        (self.number + 1..MAX_SEGMENTS)
            .map_while(move |number| Self::existing_number(dir.as_deref()?, number))
    }

    /// The segment after this one. `None`: this is the last.
    pub(super) fn next(&self) -> Option<Arc<Self>> {
        let number = self.number + 1;
        let open = || {
            Self::open_number(self.dir.as_deref(), number)
                .ok()
                .map(Arc::new)
        };
        let next = self
            .next
            .get_or_init(|| (number < MAX_SEGMENTS).then(open).flatten());
        next.clone()
    }

    /// The slot of the destination with this hash. `None`: all slots of the segment are taken by others.
    pub(super) fn destination(&self, hash: u64) -> Option<DestinationSlot> {
        DESTINATIONS
            .find_or_claim(&self.segment, 0, hash.max(1))
            .map(DestinationSlot)
    }

    pub(super) fn destination_word(
        &self,
        slot: DestinationSlot,
        word: usize,
    ) -> Option<&AtomicU64> {
        DESTINATIONS.word(&self.segment, slot.0, word)
    }
}

fn segment_path(run_dir: &Path, number: usize) -> PathBuf {
    let boot = clock::boot_id().replace('-', "");
    let boot = boot.get(..12).unwrap_or("unknown");
    match number {
        0 => run_dir.join(format!("{PREFIX}{boot}.seg")),
        _ => run_dir.join(format!("{PREFIX}{boot}.{number}.seg")),
    }
}

#[cfg(test)]
mod tests;
