//! Opens the shared index, creates it if it is absent, and replaces a file that is no index. Once a process, on the
//! thread that first needs it.

use std::{fs, io, path::Path, sync::atomic::Ordering};

use super::{
    layout::{Geometry, MAGIC, SCHEMA, word},
    lock::{LOCK_TIMEOUT, WriterLock},
};
use crate::{
    artifacts::ConfigDigest,
    failpoint::failpoint,
    host::clock,
    shm::{Opened, Segment, word as stored},
};

/// Attempts to get an index of ours while other processes replace it.
const MAX_ATTEMPTS: usize = 3;

/// Opens or creates the segment that processes share. One that this process may only read is mapped so.
pub(super) fn shared(path: &Path, geometry: Geometry, lock: &WriterLock) -> io::Result<Segment> {
    for _ in 0..MAX_ATTEMPTS {
        let why = match open_or_create(path, geometry) {
            Ok(Opened::Created(segment)) => return Ok(segment),
            Ok(Opened::Existing(segment)) if is_ours(&segment, geometry) => return Ok(segment),
            Ok(Opened::Existing(_)) => "found another header".to_owned(),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => error.to_string(),
            Err(error) => return Err(error),
        };
        replace(path, geometry, lock, &why)?;
    }
    Err(io::Error::other("the index is replaced again and again"))
}

fn open_or_create(path: &Path, geometry: Geometry) -> io::Result<Opened> {
    let bytes = geometry.bytes();
    let opened = Segment::open_or_create(path, bytes, |new| prepare(new, geometry));
    match opened {
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
            ) =>
        {
            let segment = Segment::read_only(path)?.ok_or(error)?;
            segment.check_size(bytes)?;
            Ok(Opened::Existing(segment))
        }
        opened => opened,
    }
}

/// Maps the index now at `path` if it is another file than the mapped one. Returns whether it was. A file that is
/// absent or not an index changes nothing: the mapped one is as good as before.
pub(super) fn renew(segment: &Segment, path: &Path, geometry: Geometry) -> io::Result<bool> {
    if segment.is_current(path) {
        return Ok(false);
    }
    segment.remap(path, |found| is_ours(found, geometry))
}

/// Removes a file that is no index of ours; under the lock, so that two processes don't remove each other's new one.
fn replace(path: &Path, geometry: Geometry, lock: &WriterLock, why: &str) -> io::Result<()> {
    let _held = lock
        .acquire(LOCK_TIMEOUT)
        .ok_or_else(|| io::Error::other("another process holds its lock"))?;
    if let Ok(Some(segment)) = Segment::read_only(path)
        && segment.check_size(geometry.bytes()).is_ok()
        && is_ours(&segment, geometry)
    {
        return Ok(());
    }
    log::warn!(path:% = path.display(), why; "index replaced");
    let removed = fs::remove_file(path);
    failpoint!("segment.removed");
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Writes the header of a new segment.
pub(super) fn prepare(segment: &Segment, geometry: Geometry) {
    for (at, value) in frozen(geometry).into_iter().chain([(word::EPOCH, 1)]) {
        if let Some(word) = segment.word(at) {
            stored::store(word, value, Ordering::Release);
        }
    }
}

/// Whether the header is the one that this process would write, in this boot.
fn is_ours(segment: &Segment, geometry: Geometry) -> bool {
    frozen(geometry).into_iter().all(|(at, value)| {
        segment
            .word(at)
            .is_some_and(|word| stored::load(word, Ordering::Acquire) == value)
    })
}

/// The words of the header that never change.
fn frozen(geometry: Geometry) -> [(usize, u64); 5] {
    [
        (word::MAGIC, MAGIC),
        (word::SCHEMA, SCHEMA),
        (word::CAPACITY, geometry.capacity.into()),
        (word::GROUPS, geometry.groups as u64),
        (word::BOOT, ConfigDigest::of(clock::boot_id().as_bytes()).0),
    ]
}
