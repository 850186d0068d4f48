//! Opening the index that processes share, making it where there is none, and replacing a file that
//! is none. Once a process, on the thread that first needs it.

use std::{fs, io, path::Path, sync::atomic::Ordering};

use super::{
    PATIENCE,
    layout::{self, Geometry, MAGIC, SCHEMA, word},
    lock::Gate,
    segment::Segment,
};
use crate::{
    artifacts::ConfigDigest,
    failpoint::{FailPoint, reach},
    host::clock,
};

/// Opens or makes the segment that processes share.
pub(super) fn shared(path: &Path, geometry: Geometry, gate: &Gate) -> io::Result<Segment> {
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

/// Maps the index that stands at `path` by now, where it is another file than the mapped one. `true`: it
/// was replaced. A file that is missing or not ours changes nothing: the mapped one is as good as it was.
pub(super) fn renew(segment: &Segment, path: &Path, geometry: Geometry) -> io::Result<bool> {
    if segment.stands_at(path) {
        return Ok(false);
    }
    segment.replace(path, |found| is_ours(found, geometry))
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
    let removed = fs::remove_file(path);
    reach(FailPoint::SegmentRemoved);
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes the header of a new segment.
pub(super) fn prepare(segment: &Segment, geometry: Geometry) {
    for (at, value) in frozen(geometry).into_iter().chain([(word::EPOCH, 1)]) {
        if let Some(word) = segment.words().get(at) {
            layout::store(word, value, Ordering::Release);
        }
    }
}

/// Whether the header says what we would have written, in this boot.
fn is_ours(segment: &Segment, geometry: Geometry) -> bool {
    frozen(geometry).into_iter().all(|(at, value)| {
        segment
            .words()
            .get(at)
            .is_some_and(|word| layout::load(word, Ordering::Acquire) == value)
    })
}

fn frozen(geometry: Geometry) -> [(usize, u64); 5] {
    [
        (word::MAGIC, MAGIC),
        (word::SCHEMA, SCHEMA),
        (word::CAPACITY, geometry.capacity.into()),
        (word::GROUPS, geometry.groups as u64),
        (word::BOOT, ConfigDigest::of(clock::boot_id().as_bytes()).0),
    ]
}
