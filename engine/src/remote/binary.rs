//! A built binary as a remote artifact: its bytes, and behind them its record, which binds key, configuration with
//! platform, size and SHA-256. So a binary that was stored under another key, or with other bytes, is recognized on
//! arrival, whatever the gateway says. Blocking threads.

use std::{fs::File, io, os::unix::fs::FileExt as _, path::Path, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    protocol::{Checksum, Key},
    spool::Spool,
};
use crate::{Error, Result, artifacts, error::IoContext as _};

const VERSION: u32 = 1;
const MARK: &[u8; 8] = b"PILLBIN1";
/// Length and mark.
const END: u64 = 4 + 8;
/// Bytes of a record at most: those of a configuration, and the rest.
const MAX_RECORD: u32 = (1 << 20) + (4 << 10);
const BLOCK: usize = 256 << 10;

/// The record of a binary.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BinaryRecord {
    version: u32,
    /// Its key in the artifact cache.
    pub key: artifacts::Key,
    /// SHA-256 of its bytes.
    pub sha256: Checksum,
    /// Number of its bytes.
    pub size: u64,
    /// Duration of its build.
    pub build_seconds: f64,
    /// The configuration it was built from, with its platform.
    pub config: Value,
}

impl BinaryRecord {
    /// The record of a binary in the artifact cache.
    #[must_use]
    pub fn new(record: &artifacts::IndexRecord, config: Value) -> Self {
        Self {
            version: VERSION,
            key: record.key,
            sha256: Checksum(record.sha256),
            size: record.size,
            build_seconds: f64::from(record.build_ms) / 1000.0,
            config,
        }
    }

    /// Duration of its build; zero if it is unknown.
    #[must_use]
    pub fn build_time(&self) -> Duration {
        Duration::try_from_secs_f64(self.build_seconds).unwrap_or_default()
    }
}

/// The key of the remote artifact of a binary.
#[must_use]
pub fn remote_key(key: artifacts::Key) -> Option<Key> {
    Key::parse(&format!("binary-{key}"))
}

/// Copies a binary and its record into a file of a directory, for an upload.
///
/// # Errors
/// The file has other bytes than the record says, can't be read, or the disk is full.
pub fn pack(binary: &File, record: &BinaryRecord, directory: &Path) -> Result<Spool> {
    let packed = Spool::create(directory).and_then(|mut spool| {
        let (mut block, mut offset) = (vec![0; BLOCK], 0);
        while offset < record.size {
            let len = record.size - offset;
            let len = block.len().min(usize::try_from(len).unwrap_or(usize::MAX));
            let part = block.get_mut(..len).unwrap_or_default();
            binary.read_exact_at(part, offset)?;
            spool.write(part)?;
            offset += len as u64;
        }
        if spool.checksum() != record.sha256 {
            return Err(invalid("it has another SHA-256 than its record"));
        }
        let json = serde_json::to_vec(record)?;
        let len = u32::try_from(json.len())
            .ok()
            .filter(|len| *len <= MAX_RECORD);
        let len = len.ok_or_else(|| invalid("its configuration is too long"))?;
        for bytes in [&json[..], &len.to_le_bytes(), MARK] {
            spool.write(bytes)?;
        }
        Ok(spool)
    });
    packed.context(|| format!("copying binary {}", record.key))
}

/// Reads the record of a downloaded file, compares size and SHA-256, and cuts the record off.
///
/// # Errors
/// [`Error::Remote`]: it is no binary with its record, or one with other bytes. [`Error::Io`]: the file can't be read.
pub fn unpack(file: &File, key: artifacts::Key) -> Result<BinaryRecord> {
    let refused = |reason: &str| Error::Remote(format!("remote binary {key} {reason}"));
    let reading = || format!("reading remote binary {key}");
    let len = file.metadata().context(reading)?.len();
    let end = len.checked_sub(END);
    let end = end.ok_or_else(|| refused("is shorter than its record"))?;
    let mut tail = [0; END as usize];
    file.read_exact_at(&mut tail, end).context(reading)?;
    let [l0, l1, l2, l3, mark @ ..] = tail;
    let record_len = u32::from_le_bytes([l0, l1, l2, l3]);
    let start = end.checked_sub(u64::from(record_len));
    let start = start.filter(|_| mark == *MARK && record_len <= MAX_RECORD);
    let start = start.ok_or_else(|| refused("has no record"))?;
    let mut json = vec![0; record_len as usize];
    file.read_exact_at(&mut json, start).context(reading)?;
    let record: Option<BinaryRecord> = serde_json::from_slice(&json).ok();
    let record = record.filter(|record| record.version == VERSION);
    let record = record.ok_or_else(|| refused("has a record that is not understood"))?;
    if record.key != key {
        return Err(refused(&format!("is the one of key {}", record.key)));
    }
    if record.size != start || record.size == 0 {
        return Err(refused("has another size than its record"));
    }
    if Checksum::of_file(file, start).context(reading)? != record.sha256 {
        return Err(refused("has another SHA-256 than its record"));
    }
    file.set_len(start).context(reading)?;
    Ok(record)
}

fn invalid(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    const KEY: artifacts::Key = artifacts::Key(0x2ecc_b077_c71e_1f91);

    fn binary(bytes: &[u8]) -> (File, BinaryRecord) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(bytes).unwrap();
        let record = BinaryRecord {
            version: VERSION,
            key: KEY,
            sha256: Checksum::of_file(&file, bytes.len() as u64).unwrap(),
            size: bytes.len() as u64,
            build_seconds: 41.5,
            config: serde_json::json!({"rr_version": "v2025.1.2", "target_platform": {"os": "linux"}}),
        };
        (file, record)
    }

    fn packed(bytes: &[u8]) -> (File, BinaryRecord) {
        let dir = tempfile::tempdir().unwrap();
        let (file, record) = binary(bytes);
        let spool = pack(&file, &record, dir.path()).unwrap();
        assert_eq!(
            spool.size(),
            spool.file().unwrap().metadata().unwrap().len()
        );
        (spool.file().unwrap(), record)
    }

    #[test]
    fn binary_comes_back_with_its_record() {
        let bytes = vec![7; 300_000];
        let (file, record) = packed(&bytes);
        assert_eq!(unpack(&file, KEY).unwrap(), record);
        assert_eq!(file.metadata().unwrap().len(), 300_000);
        assert_eq!(remote_key(KEY).unwrap().as_str(), "binary-2eccb077c71e1f91");
    }

    #[test]
    fn damaged_binary_is_not_sent() {
        let (file, record) = binary(b"binary");
        file.write_all_at(b"X", 2).unwrap();
        let dir = tempfile::tempdir().unwrap();
        assert!(pack(&file, &record, dir.path()).is_err());
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }

    #[test]
    fn changed_binary_is_refused() {
        let (file, _) = packed(b"binary");
        let len = file.metadata().unwrap().len();
        for at in 0..len {
            let mut before = [0];
            file.read_exact_at(&mut before, at).unwrap();
            // A digit of the build's duration is the one field that nothing else contradicts.
            file.write_all_at(&[before[0] ^ 0x80], at).unwrap();
            assert!(unpack(&file, KEY).is_err(), "byte {at}");
            file.write_all_at(&before, at).unwrap();
        }
        assert!(
            unpack(&file, artifacts::Key(1))
                .unwrap_err()
                .to_string()
                .contains("is the one of key")
        );
        for shorter in [len - 1, 12, 3, 0] {
            file.set_len(shorter).unwrap();
            assert!(unpack(&file, KEY).is_err(), "{shorter} bytes");
        }
    }
}
