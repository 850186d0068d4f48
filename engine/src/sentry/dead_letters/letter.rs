//! A dead letter and its file: a line of JSON with the metadata, then the envelope. On threads that may block.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufRead as _, BufReader, Read as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

use serde::{Deserialize, Serialize};

use crate::descriptors;

/// Limit on the line of metadata; a DSN and a reason fit.
const MAX_METADATA_LEN: u64 = 256 << 10;

/// The metadata of a dead letter, as stored in its file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The last error.
    pub reason: String,
    /// When it was given up, in milliseconds since 1970.
    pub given_up_ms: u64,
    /// When it was accepted, in milliseconds since 1970.
    pub accepted_ms: u64,
    /// Failed attempts.
    pub attempts: u32,
    /// The DSN it was queued with. Empty: the DSN is in the envelope's header.
    pub dsn: String,
    /// Whether only the connection to Sentry was at fault: then it is replayed automatically.
    #[serde(default)]
    pub connection: bool,
}

/// Why a record is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cause<'a> {
    /// The message for people.
    pub reason: &'a str,
    /// See [`Metadata::connection`].
    pub connection: bool,
}

/// A dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its file name without the suffix.
    pub id: String,
    /// The size of the envelope.
    pub bytes: u64,
    /// Its metadata.
    pub metadata: Metadata,
    /// The envelope itself.
    pub envelope: Vec<u8>,
}

impl Metadata {
    /// Reads the metadata in the file at `path`, and not the envelope. Returns `None` if it is absent or invalid.
    pub(super) fn read(path: &Path) -> Option<Self> {
        let mut line = Vec::new();
        let file = File::open(path).ok()?;
        BufReader::new(file.take(MAX_METADATA_LEN))
            .read_until(b'\n', &mut line)
            .ok()?;
        serde_json::from_slice(&line).ok()
    }
}

impl DeadLetter {
    /// Reads the file at `path`. Returns `None` if it is absent or invalid.
    pub(super) fn read(path: &Path, id: &str) -> Option<Self> {
        let mut bytes = std::fs::read(path).ok()?;
        let end = memchr::memchr(b'\n', &bytes)?;
        let envelope = bytes.split_off(end + 1);
        Some(Self {
            id: id.to_owned(),
            bytes: envelope.len() as u64,
            metadata: serde_json::from_slice(&bytes).ok()?,
            envelope,
        })
    }
}

/// Writes a new file, and its bytes to the disk.
pub(super) fn write(path: &Path, metadata: &Metadata, envelope: &[u8]) -> io::Result<()> {
    descriptors::reserve_stdio();
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW)
        .open(path)?;
    file.write_all(&serde_json::to_vec(metadata)?)?;
    file.write_all(b"\n")?;
    file.write_all(envelope)?;
    file.sync_data()
}
