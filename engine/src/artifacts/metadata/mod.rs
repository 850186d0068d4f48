//! `<key>.json`, the metadata of an artifact on disk: its rename to that name is the commit, and the index can be
//! rebuilt from these files. Any user of the directory may have written one, so reading is defensive and bounded. Pure
//! functions; any thread.

use serde::{Deserialize, Serialize, de::IgnoredAny};
use serde_json::Value;

use super::{ConfigDigest, IndexRecord, Key, key::hex, record::parse_sha256};

/// The version of the format; a reader rejects any other.
const VERSION: u32 = 1;
/// Maximum size of a file; real configurations are far smaller.
pub(super) const MAX_BYTES: u64 = 1 << 20;
/// Bytes in it reserved for everything but the configuration, which is more than that needs.
pub(super) const MAX_OTHER_BYTES: u64 = 4096;

/// A parsed metadata file.
#[derive(Debug, Clone, PartialEq)]
pub struct MetadataFile {
    /// The record for the index; `accessed_ms` is the time of the commit.
    pub record: IndexRecord,
    /// The build configuration.
    pub config: Value,
}

/// Errors of parsing.
#[derive(Debug, thiserror::Error)]
pub enum MetadataError {
    /// It is longer than [`MAX_BYTES`].
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLong,
    /// Not JSON, or JSON of another shape.
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    /// Written by another version of the format.
    #[error("version is {0}, not {VERSION}")]
    Version(u32),
    /// A malformed field, by name.
    #[error("`{0}` is malformed or contradicts the other fields")]
    Field(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Document<C> {
    version: u32,
    key: String,
    sha256: String,
    size: u64,
    file: String,
    created_at: String,
    expires_at: String,
    build_seconds: f64,
    digest: String,
    config: C,
}

/// Parses a metadata file.
///
/// # Errors
/// [`MetadataError`]; never panics on any bytes.
pub fn parse_metadata(bytes: &[u8]) -> Result<MetadataFile, MetadataError> {
    let document: Document<Value> = parse(bytes)?;
    Ok(MetadataFile {
        record: record(&document)?,
        config: document.config,
    })
}

/// Parses the record and skips the configuration without storing it.
pub(super) fn parse_record(bytes: &[u8]) -> Result<IndexRecord, MetadataError> {
    record(&parse::<IgnoredAny>(bytes)?)
}

/// Formats a metadata file: indented JSON, because people read these files.
pub(super) fn format(record: &IndexRecord, config: &Value) -> Result<Vec<u8>, serde_json::Error> {
    let mut bytes = serde_json::to_vec_pretty(&Document {
        version: VERSION,
        key: record.key.to_string(),
        sha256: hex(&record.sha256),
        size: record.size,
        file: record.file_name(),
        created_at: crate::time::format_rfc3339(record.created_ms),
        expires_at: crate::time::format_rfc3339(record.expires_ms),
        build_seconds: f64::from(record.build_ms) / 1000.0,
        digest: record.digest.to_string(),
        config,
    })?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Whether a file with this configuration can be read again: it is not longer than [`MAX_BYTES`].
pub(super) fn fits(config: &Value) -> bool {
    let mut counted = CountingWriter(0);
    serde_json::to_writer_pretty(&mut counted, &[config]).is_ok()
        && counted.0 + MAX_OTHER_BYTES <= MAX_BYTES
}

/// Counts written bytes, and fails soon after there are too many.
struct CountingWriter(u64);

impl std::io::Write for CountingWriter {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0 += bytes.len() as u64;
        if self.0 > MAX_BYTES {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn parse<'a, C: Deserialize<'a>>(bytes: &'a [u8]) -> Result<Document<C>, MetadataError> {
    if bytes.len() as u64 > MAX_BYTES {
        return Err(MetadataError::TooLong);
    }
    Ok(serde_json::from_slice(bytes)?)
}

fn record<C>(document: &Document<C>) -> Result<IndexRecord, MetadataError> {
    if document.version != VERSION {
        return Err(MetadataError::Version(document.version));
    }
    let field = MetadataError::Field;
    let created_ms = crate::time::parse_rfc3339(&document.created_at).ok_or(field("created_at"))?;
    let record = IndexRecord {
        key: Key::parse(document.key.as_bytes()).ok_or(field("key"))?,
        sha256: parse_sha256(&document.sha256).ok_or(field("sha256"))?,
        size: document.size,
        created_ms,
        expires_ms: crate::time::parse_rfc3339(&document.expires_at).ok_or(field("expires_at"))?,
        accessed_ms: created_ms,
        build_ms: milliseconds(document.build_seconds).ok_or(field("build_seconds"))?,
        digest: ConfigDigest::parse(&document.digest).ok_or(field("digest"))?,
    };
    // The name is derived and never taken from the file, because it could lead anywhere.
    if document.file != record.file_name() {
        return Err(field("file"));
    }
    Ok(record)
}

/// Seconds as whole milliseconds; `None` if it is no duration.
fn milliseconds(seconds: f64) -> Option<u32> {
    (seconds.is_finite() && seconds >= 0.0).then(|| (seconds * 1000.0).round() as u32)
}

#[cfg(test)]
mod tests;
