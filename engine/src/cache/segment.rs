//! Opens the segment of a cache, or creates it: as large as asked for, or smaller where the file system is too full. A
//! segment of an earlier boot is replaced, because its times mean nothing, and so is a damaged one. On the thread that
//! first needs the cache.

use std::{fs, io, path::Path, sync::atomic::Ordering, time::Duration};

use super::{
    layout::{MAX_BYTES, MIN_BYTES, SLAB_BYTES, header},
    memory::Memory,
};
use crate::{
    host::{
        clock,
        lock::{Lock, LockMode},
    },
    shm::{Segment, checksum, publish},
};

/// First word of a segment of this layout.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"pcache02");

/// How long a process waits for another one that replaces the segment of an earlier boot.
const REPLACE_TIMEOUT: Duration = Duration::from_secs(2);

/// Opens or creates the segment at `path`, of [`wanted`] bytes if it is new, or fewer if the file system has less.
///
/// # Errors
/// `InvalidData`: the path is that of no file; `StorageFull`; an I/O error.
pub(super) fn open(path: &Path, bytes: usize) -> io::Result<Memory> {
    let boot = checksum::of_parts(clock::boot_id().as_bytes(), b"");
    if let Ok(Some(memory)) = open_existing(path, boot) {
        return Ok(memory);
    }
    let lock_path = path.with_extension("lock");
    let lock = Lock::within(&lock_path, LockMode::Exclusive, REPLACE_TIMEOUT)?;
    if lock.is_none() {
        return Err(io::Error::new(
            io::ErrorKind::TimedOut,
            "another process creates the segment for too long",
        ));
    }
    match open_existing(path, boot) {
        Ok(Some(memory)) => return Ok(memory),
        Ok(None) => {}
        // The file was damaged: a process that has mapped it notices that it is another one.
        Err(error) if error.kind() == io::ErrorKind::InvalidData && path.is_file() => {
            log::warn!(path = path.display().to_string().as_str(), error = error.to_string().as_str(); "shared cache damaged: a new one is created");
        }
        Err(error) => return Err(error),
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    create(path, bytes, boot)
}

/// Returns `None` if there is no segment, or one of an earlier boot.
fn open_existing(path: &Path, boot: u64) -> io::Result<Option<Memory>> {
    let Some(segment) = Segment::open(path)? else {
        return Ok(None);
    };
    let word = |index| {
        segment
            .word(index)
            .map_or(0, |word| word.load(Ordering::Acquire))
    };
    if segment.bytes() < MIN_BYTES || word(header::MAGIC) != MAGIC {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "it is no cache segment of this version",
        ));
    }
    Ok((word(header::BOOT) == boot).then(|| Memory::new(segment)))
}

/// The size of a new segment for which a setting asks.
pub(super) fn wanted(bytes: usize) -> usize {
    bytes
        .clamp(MIN_BYTES, MAX_BYTES)
        .next_multiple_of(SLAB_BYTES)
}

fn create(path: &Path, bytes: usize, boot: u64) -> io::Result<Memory> {
    let mut size = wanted(bytes);
    let seed = publish::random()?;
    loop {
        let made = Segment::open_or_create(path, size, |new| {
            let store = |index, value| {
                if let Some(word) = new.word(index) {
                    word.store(value, Ordering::Relaxed);
                }
            };
            store(header::SEED, seed);
            store(header::CREATED, clock::unix_ms());
            store(header::BOOT, boot);
            if let Some(word) = new.word(header::MAGIC) {
                word.store(MAGIC, Ordering::Release);
            }
        });
        match made {
            Ok(opened) => return Ok(Memory::new(opened.into_segment())),
            Err(error) if error.kind() == io::ErrorKind::StorageFull && size > MIN_BYTES => {
                size = (size / 2).max(MIN_BYTES).next_multiple_of(SLAB_BYTES);
            }
            Err(error) => return Err(error),
        }
    }
}
