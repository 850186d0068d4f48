//! The table of flights: the configuration of each slot. One file, written under `table.lock` only, so every change
//! of a leader is atomic for all processes. Runs on blocking threads.
//!
//! `table.v1` has 256 records, described in [`entry`](super::entry).

use std::{
    fs::{File, OpenOptions},
    io,
    os::unix::fs::FileExt,
    path::Path,
    time::Duration,
};

use super::entry::{FlightEntry, RECORD_LEN};
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
const TABLE_LEN: usize = MAX_FLIGHTS * RECORD_LEN;

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

/// Reads all records. Those beyond the end of a short file are empty.
fn read(file: &File) -> io::Result<Vec<FlightEntry>> {
    let mut bytes = vec![0; TABLE_LEN];
    match file.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => Err(error),
        _ => Ok(decode(bytes)),
    }
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
    use super::super::entry::FlightId;
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
