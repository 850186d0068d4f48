//! `.pillion/changes`: the keys of added and removed artifacts, in order, so that an index learns of changes that
//! bypassed it: by containers that share the directory and not the index, by processes with another capacity, by
//! another version of Pillion. Appended with single writes and read by position; a replaced or unreadable file makes
//! the reader scan the whole disk, so losing it costs time only. Threads that may wait for a disk.
//!
//! ```text
//! 16 bytes  magic, and a random number that names this file
//! 16 bytes  a key and its complement, little-endian, for each change
//! ```

use std::{
    fs::File,
    io,
    io::Write as _,
    os::unix::fs::{FileExt as _, MetadataExt as _},
};

mod stamp;

pub(super) use stamp::{LastSeen, file_stamp};

use super::{
    Key,
    dir_fd::DirFd,
    layout::{CacheDir, META_DIR, none_if_absent},
};
use crate::{failpoint::failpoint, file_size::without_sigxfsz};

const NAME: &str = "changes";
const MAGIC: [u8; 8] = *b"PILLCHG1";
/// Bytes of one change.
pub(super) const RECORD: u64 = 16;
/// Changes up to this distance are applied one by one; a reader further behind scans the whole disk.
const MAX_FOLLOWED: u64 = 4096 * RECORD;
/// A longer journal is restarted, which makes every index scan its disk once.
const MAX_LEN: u64 = 1 << 20;

/// A position in the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Position {
    /// The random number of the file; 0 if there is none.
    pub file: u64,
    /// In bytes, header included.
    pub offset: u64,
}

/// Changes since a position.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Changes {
    None,
    Keys(Vec<Key>, Position),
    /// Any artifact may have changed; from this position on, changes can be applied again.
    Unknown(Position),
}

/// Appends a change. Returns the position behind it.
pub(super) fn append(cache_dir: &CacheDir, key: Key) -> io::Result<Position> {
    let control = cache_dir.create_meta_dir()?;
    for _ in 0..4 {
        let log = control.append(NAME)?;
        let (Some(mut log), Some(file)) = with_file_id(log)? else {
            create(cache_dir, &control)?;
            continue;
        };
        let mut record = [0; RECORD as usize];
        let (left, right) = record.split_at_mut(8);
        left.copy_from_slice(&key.0.to_le_bytes());
        right.copy_from_slice(&(!key.0).to_le_bytes());
        if without_sigxfsz(|| log.write(&record))? < record.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        failpoint!("changes.noted");
        // Replaced between opening and writing: no reader would find it there.
        if log.metadata()?.nlink() > 0 {
            let offset = io::Seek::stream_position(&mut log)?;
            return Ok(Position { file, offset });
        }
    }
    Err(io::Error::other(
        "the log of changes is replaced again and again",
    ))
}

/// The current end of the journal.
pub(super) fn end(cache_dir: &CacheDir) -> io::Result<Position> {
    let Some(log) = open(cache_dir)? else {
        return Ok(Position::default());
    };
    let file = file_id(&log)?.unwrap_or(0);
    Ok(Position {
        file,
        offset: log.metadata()?.len(),
    })
}

/// Returns the changes after a position.
pub(super) fn since(cache_dir: &CacheDir, from: Position) -> io::Result<Changes> {
    let to = end(cache_dir)?;
    if to == from {
        return Ok(Changes::None);
    }
    let behind = to.offset.saturating_sub(from.offset);
    if to.file != from.file || to.offset < from.offset || behind > MAX_FOLLOWED {
        return Ok(Changes::Unknown(to));
    }
    let mut bytes = vec![0; behind as usize];
    match open(cache_dir)? {
        Some(log) if file_id(&log)? == Some(from.file) => {
            log.read_exact_at(&mut bytes, from.offset)?
        }
        _ => return Ok(Changes::Unknown(to)),
    }
    let (records, rest) = bytes.as_chunks::<{ RECORD as usize }>();
    let keys: Option<Vec<Key>> = records.iter().map(key).collect();
    Ok(match keys {
        Some(mut keys) if rest.is_empty() => {
            keys.sort_unstable();
            keys.dedup();
            Changes::Keys(keys, to)
        }
        _ => Changes::Unknown(to),
    })
}

/// Restarts the journal if it has grown too long.
pub(super) fn restart_if_full(cache_dir: &CacheDir) -> io::Result<()> {
    if end(cache_dir)?.offset > MAX_LEN {
        create(cache_dir, &cache_dir.create_meta_dir()?)?;
    }
    Ok(())
}

/// Puts an empty journal in place. Of two processes that do so the later one wins: a reader that sees another id scans
/// the whole disk, which has every change already.
fn create(cache_dir: &CacheDir, control: &DirFd) -> io::Result<()> {
    let temp = cache_dir.create_temp()?;
    let random = getrandom::u64().map_err(|error| io::Error::other(error.to_string()))?;
    let mut head = [0; RECORD as usize];
    let (left, right) = head.split_at_mut(8);
    left.copy_from_slice(&MAGIC);
    right.copy_from_slice(&random.max(1).to_le_bytes());
    without_sigxfsz(|| temp.file().write_all(&head))?;
    temp.share()?;
    failpoint!("changes.begun");
    temp.publish(control, NAME)
}

fn open(cache_dir: &CacheDir) -> io::Result<Option<File>> {
    let control = cache_dir.root().and_then(|root| root.open_dir(META_DIR));
    none_if_absent(control)?.map_or(Ok(None), |control| control.open(NAME))
}

fn with_file_id(log: Option<File>) -> io::Result<(Option<File>, Option<u64>)> {
    let id = log.as_ref().map_or(Ok(None), file_id)?;
    Ok((log, id))
}

/// The random number in the header; `None` if it has no valid header.
fn file_id(log: &File) -> io::Result<Option<u64>> {
    let mut head = [0; RECORD as usize];
    match log.read_exact_at(&mut head, 0) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let (magic, number) = words(&head);
    Ok((magic == u64::from_le_bytes(MAGIC)).then_some(number))
}

fn key(record: &[u8; RECORD as usize]) -> Option<Key> {
    let (key, complement) = words(record);
    (key == !complement).then_some(Key(key))
}

fn words(record: &[u8; RECORD as usize]) -> (u64, u64) {
    let bits = u128::from_le_bytes(*record);
    (bits as u64, (bits >> 64) as u64)
}

#[cfg(test)]
mod tests;
