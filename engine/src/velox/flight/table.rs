//! The table of flights: the configuration of each slot. One file, written under `table.lock` only, so every change
//! of a leader is atomic for all processes. Runs on blocking threads.
//!
//! `table.v1`: 256 records of 64 bytes, little-endian.
//!
//! | offset | bytes | meaning |
//! | --- | --- | --- |
//! | 0 | 8 | key of the configuration |
//! | 8 | 8 | digest of the configuration |
//! | 16 | 8 | attempt: random, 0 = the record is empty |
//! | 24 | 4 | bit 0: forced |
//! | 28 | 4 | process id of the leader, for debugging |
//! | 32 | 4 | number of leaders that have died in this flight |
//! | 36 | 20 | zero |
//! | 56 | 8 | FNV-1a of the 56 bytes before |
//!
//! A record with a wrong checksum counts as empty: at worst a configuration is built twice.

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::Duration,
};

use crate::velox::keys::config_keys::ConfigKeys;
use crate::{
    Result,
    error::IoContext,
    file_size::without_sigxfsz,
    host::{
        files,
        lock::{Lock, LockMode},
    },
};

/// The limit of active flights on one host.
pub(super) const MAX_FLIGHTS: usize = 256;
const RECORD_LEN: usize = 64;
const TABLE_LEN: usize = MAX_FLIGHTS * RECORD_LEN;

/// Identifies a flight by its configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct FlightId {
    /// The plain key.
    pub key: u64,
    /// The exact digest.
    pub digest: u64,
}

impl FlightId {
    /// Identifies the flight of a configuration.
    pub(in crate::velox) fn of(keys: &ConfigKeys) -> Self {
        Self {
            key: keys.key.0,
            digest: keys.digest.0,
        }
    }
}

/// One record of the table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct FlightEntry {
    pub(super) id: FlightId,
    /// 0 in an empty record.
    pub(super) attempt: u64,
    pub(super) forced: bool,
    pub(super) pid: u32,
    pub(super) deaths: u32,
}

impl FlightEntry {
    pub(super) fn is_empty(&self) -> bool {
        self.attempt == 0
    }

    fn encode(&self) -> [u8; RECORD_LEN] {
        let mut bytes = [0; RECORD_LEN];
        let mut at = 0;
        let mut append = |part: &[u8]| {
            if let Some(target) = bytes.get_mut(at..at + part.len()) {
                target.copy_from_slice(part);
            }
            at += part.len();
        };
        append(&self.id.key.to_le_bytes());
        append(&self.id.digest.to_le_bytes());
        append(&self.attempt.to_le_bytes());
        append(&u32::from(self.forced).to_le_bytes());
        append(&self.pid.to_le_bytes());
        append(&self.deaths.to_le_bytes());
        append(&[0; 20]);
        let check = fnv(bytes.split_at(RECORD_LEN - 8).0);
        if let Some(target) = bytes.get_mut(RECORD_LEN - 8..) {
            target.copy_from_slice(&check.to_le_bytes());
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
        let is_valid = bytes
            .get(..RECORD_LEN - 8)
            .is_some_and(|body| fnv(body) == long(RECORD_LEN - 8));
        if !is_valid {
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

/// The locked table. No other process changes a leader until it is dropped.
#[derive(Debug)]
pub(super) struct FlightTable {
    file: File,
    entries: Vec<FlightEntry>,
    _lock: Lock,
}

impl FlightTable {
    /// Locks and reads the table. Returns `None` if other processes hold it for all of `timeout`.
    pub(super) fn open(dir: &Path, timeout: Duration) -> Result<Option<Self>> {
        let path = dir.join("table.lock");
        let lock = match Lock::within(&path, LockMode::Exclusive, timeout) {
            // The cache directory may have been removed meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                files::create_dir_with_parent(dir)
                    .and_then(|()| Lock::within(&path, LockMode::Exclusive, timeout))
            }
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

    /// Reads the table without its lock. A record that is being written reads as empty.
    pub(super) fn read_unlocked(dir: &Path) -> Vec<(usize, FlightEntry)> {
        let bytes = files::read(&dir.join("table.v1"), TABLE_LEN as u64);
        let entries = bytes.ok().flatten().map(decode).unwrap_or_default();
        entries.into_iter().enumerate().collect()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = (usize, FlightEntry)> {
        self.entries.iter().copied().enumerate()
    }

    pub(super) fn entry(&self, slot: usize) -> FlightEntry {
        self.entries.get(slot).copied().unwrap_or_default()
    }

    pub(super) fn write(&mut self, slot: usize, entry: FlightEntry) -> Result<()> {
        if let Some(known) = self.entries.get_mut(slot) {
            *known = entry;
        }
        without_sigxfsz(|| {
            self.file
                .write_all_at(&entry.encode(), (slot * RECORD_LEN) as u64)
        })
        .context(|| "writing the table of flights")
    }
}

/// Reads all records. A short file is padded with empty ones.
fn read(file: &File) -> io::Result<Vec<FlightEntry>> {
    let mut bytes = vec![0; TABLE_LEN];
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

fn decode(mut bytes: Vec<u8>) -> Vec<FlightEntry> {
    bytes.resize(TABLE_LEN, 0);
    bytes.chunks(RECORD_LEN).map(FlightEntry::decode).collect()
}

/// Allocates all blocks of a new table at once, so that a later record can't fail on a full disk.
fn allocate(file: &File) -> io::Result<()> {
    if file.metadata()?.len() >= TABLE_LEN as u64 {
        return Ok(());
    }
    let none = rustix::fs::FallocateFlags::empty();
    match without_sigxfsz(|| rustix::fs::fallocate(file, none, 0, TABLE_LEN as u64)) {
        // Not supported; then each write allocates. EPERM: a system call filter.
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

    fn entry(attempt: u64) -> FlightEntry {
        FlightEntry {
            id: FlightId { key: 1, digest: 2 },
            attempt,
            forced: true,
            pid: 3,
            deaths: 4,
        }
    }

    #[test]
    fn record_is_persistent_and_a_torn_one_is_empty() {
        let dir = tempfile::tempdir().unwrap();
        let mut table = FlightTable::open(dir.path(), NOW).unwrap().unwrap();
        table.write(255, entry(9)).unwrap();
        table.write(7, entry(8)).unwrap();
        drop(table);
        let path = dir.path().join("table.v1");
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[7 * RECORD_LEN + 20] ^= 1;
        std::fs::write(&path, bytes).unwrap();
        let table = FlightTable::open(dir.path(), NOW).unwrap().unwrap();
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
    fn table_is_held_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let table = FlightTable::open(dir.path(), NOW).unwrap();
        assert!(table.is_some());
        assert!(FlightTable::open(dir.path(), NOW).unwrap().is_none());
    }
}
