//! The table of flights: which configuration each of the fixed slots is used for. One file, read and
//! written under `table.lock` only, so every change of hands is one step for all who look. Blocking
//! threads.
//!
//! `table.v1`: 256 records of 64 bytes, little-endian.
//!
//! | offset | bytes | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | key of the configuration |
//! | 8 | 8 | digest of the configuration |
//! | 16 | 8 | attempt: random, 0 = the record is empty |
//! | 24 | 4 | bit 0: forced |
//! | 28 | 4 | process id of the leader, for people |
//! | 32 | 4 | how many leaders have died in this flight |
//! | 36 | 20 | zero |
//! | 56 | 8 | FNV-1a of the 56 bytes before |
//!
//! A record that does not check is an empty one: at worst a configuration is built twice.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::Duration,
};

use crate::{
    Result,
    error::IoContext,
    file_size::without_signal,
    host::{
        files,
        lock::{Kind, Lock},
    },
};

/// Flights that one host can have in the air.
pub const SLOTS: usize = 256;
const RECORD: usize = 64;
const BYTES: usize = SLOTS * RECORD;

/// A configuration: what is built, by whomever.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FlightId {
    /// Its plain key.
    pub key: u64,
    /// Its exact digest.
    pub digest: u64,
}

/// One record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) id: FlightId,
    /// 0 in an empty record.
    pub(super) attempt: u64,
    pub(super) forced: bool,
    pub(super) pid: u32,
    pub(super) deaths: u32,
}

impl Entry {
    pub(super) fn is_empty(&self) -> bool {
        self.attempt == 0
    }

    fn encode(&self) -> [u8; RECORD] {
        let mut bytes = [0; RECORD];
        let mut at = 0;
        let mut put = |part: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + part.len()) {
                place.copy_from_slice(part);
            }
            at += part.len();
        };
        put(&self.id.key.to_le_bytes());
        put(&self.id.digest.to_le_bytes());
        put(&self.attempt.to_le_bytes());
        put(&u32::from(self.forced).to_le_bytes());
        put(&self.pid.to_le_bytes());
        put(&self.deaths.to_le_bytes());
        put(&[0; 20]);
        let check = fnv(bytes.split_at(RECORD - 8).0);
        if let Some(place) = bytes.get_mut(RECORD - 8..) {
            place.copy_from_slice(&check.to_le_bytes());
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Self {
        let long = |at: usize| {
            bytes
                .get(at..at + 8)
                .and_then(|part| part.try_into().ok())
                .map_or(0, u64::from_le_bytes)
        };
        let short = |at: usize| {
            bytes
                .get(at..at + 4)
                .and_then(|part| part.try_into().ok())
                .map_or(0, u32::from_le_bytes)
        };
        let whole = bytes
            .get(..RECORD - 8)
            .is_some_and(|body| fnv(body) == long(RECORD - 8));
        if !whole {
            return Self::default();
        }
        Self {
            id: FlightId {
                key: long(0),
                digest: long(8),
            },
            attempt: long(16),
            forced: short(24) & 1 == 1,
            pid: short(28),
            deaths: short(32),
        }
    }
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// The table, held. Nobody else changes hands of anything until it is dropped.
#[derive(Debug)]
pub(super) struct Table {
    file: File,
    entries: Vec<Entry>,
    _lock: Lock,
}

impl Table {
    /// Locks and reads it. `None`: others held it for all of `patience`.
    pub(super) fn open(dir: &Path, patience: Duration) -> Result<Option<Self>> {
        let path = dir.join("table.lock");
        let lock = match Lock::within(&path, Kind::Exclusive, patience) {
            // The cache directory may have been removed under way.
            Err(error) if error.kind() == io::ErrorKind::NotFound => files::make_dir_in_ours(dir)
                .and_then(|()| Lock::within(&path, Kind::Exclusive, patience)),
            lock => lock,
        };
        let lock = lock.context(|| format!("locking {}", path.display()))?;
        let Some(lock) = lock else { return Ok(None) };
        let path = dir.join("table.v1");
        let mut options = OpenOptions::new();
        let file = files::open(&path, options.read(true).write(true))
            .and_then(|file| allocate(&file).map(|()| file))
            .context(|| format!("opening {}", path.display()))?;
        let entries = read(&file).context(|| format!("reading {}", path.display()))?;
        Ok(Some(Self {
            file,
            entries,
            _lock: lock,
        }))
    }

    /// Reads it without the lock. A record that is just being written reads as an empty one.
    pub(super) fn glance(dir: &Path) -> Vec<(usize, Entry)> {
        let bytes = files::read(&dir.join("table.v1"), BYTES as u64);
        let entries = bytes.ok().flatten().map(decode).unwrap_or_default();
        entries.into_iter().enumerate().collect()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, Entry)> {
        self.entries.iter().copied().enumerate()
    }

    pub(super) fn entry(&self, slot: usize) -> Entry {
        self.entries.get(slot).copied().unwrap_or_default()
    }

    pub(super) fn write(&mut self, slot: usize, entry: Entry) -> Result<()> {
        if let Some(place) = self.entries.get_mut(slot) {
            *place = entry;
        }
        without_signal(|| {
            self.file
                .write_all_at(&entry.encode(), (slot * RECORD) as u64)
        })
        .context(|| "writing the table of flights")
    }
}

/// A short file is filled up with empty records.
fn read(file: &File) -> io::Result<Vec<Entry>> {
    let mut bytes = vec![0; BYTES];
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, at as u64) {
            Ok(0) => break,
            Ok(count) => at += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(decode(bytes))
}

fn decode(mut bytes: Vec<u8>) -> Vec<Entry> {
    bytes.resize(BYTES, 0);
    bytes.chunks(RECORD).map(Entry::decode).collect()
}

/// Has the disk give all of a new table's bytes at once: a record must not fail for want of room when
/// the one before it did not.
fn allocate(file: &File) -> io::Result<()> {
    if file.metadata()?.len() >= BYTES as u64 {
        return Ok(());
    }
    let none = rustix::fs::FallocateFlags::empty();
    match without_signal(|| rustix::fs::fallocate(file, none, 0, BYTES as u64)) {
        // Then each record takes its place when it is written. The last: a filter of system calls.
        Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => {
            Ok(())
        }
        allocated => Ok(allocated?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Duration = Duration::ZERO;

    fn entry(attempt: u64) -> Entry {
        Entry {
            id: FlightId { key: 1, digest: 2 },
            attempt,
            forced: true,
            pid: 3,
            deaths: 4,
        }
    }

    #[test]
    fn a_record_survives_the_file_and_a_torn_one_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let mut table = Table::open(dir.path(), NOW).unwrap().unwrap();
        table.write(255, entry(9)).unwrap();
        table.write(7, entry(8)).unwrap();
        drop(table);
        let path = dir.path().join("table.v1");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[7 * RECORD + 20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let table = Table::open(dir.path(), NOW).unwrap().unwrap();
        assert_eq!(table.entry(255), entry(9));
        assert!(table.entry(7).is_empty());
        assert_eq!(
            table
                .entries()
                .filter(|(_, entry)| !entry.is_empty())
                .count(),
            1
        );
    }

    #[test]
    fn one_holds_the_table_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let table = Table::open(dir.path(), NOW).unwrap();
        assert!(table.is_some());
        assert!(Table::open(dir.path(), NOW).unwrap().is_none());
    }
}
